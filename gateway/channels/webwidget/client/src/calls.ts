// Calls of the gateway's doors: a deadline for each, errors by what to do next.

/** The gateway said no, or nobody answered in time (`status` 0). */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    /** How long the gateway wants to be left alone, in ms. */
    readonly wait = 0,
  ) {
    super(code);
  }

  /** Asking again later may help: nobody there, too much at once, the gateway's own trouble. */
  get passing(): boolean {
    return !this.status || this.status >= 500 || [408, 425, 429].includes(this.status);
  }
}

const DEADLINE_MS = 20_000;

/** Call a door with a token, or without (null). Throws `Refused`, and nothing else. */
export async function call(
  method: string,
  url: string,
  token: string | null,
  body?: unknown,
  keepalive = false,
): Promise<Response> {
  const headers: Record<string, string> = {};
  if (token) headers["Authorization"] = "Bearer " + token;
  if (body) headers["Content-Type"] = "application/json";
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), DEADLINE_MS);
  try {
    const asked = { method, headers, keepalive, signal: stop.signal, body: body ? JSON.stringify(body) : null };
    const response = await fetch(url, { ...asked, credentials: "omit" });
    if (response.ok) return response;
    throw refusal(response.status, await response.text(), response.headers.get("Retry-After"));
  } catch (error) {
    throw error instanceof Refused ? error : new Refused(0, "unreachable");
  } finally {
    clearTimeout(timer);
  }
}

/** Read what a refusal says, whoever says it. */
export function refusal(status: number, text: string, retryAfter: string | null): Refused {
  let code = "http_" + status;
  try {
    code = JSON.parse(text).error.code;
  } catch {
    // a proxy's page
  }
  return new Refused(status, code, (Number(retryAfter) || 0) * 1000);
}
