/** Calls of the REST API with the console's cookie. */

import { csrf, goToSignIn } from "./page.ts";

const ROOT = "/api/v1";

/** What the API refused, in its own words. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Which fields of the body are at fault, by name. */
    readonly fields: Record<string, string[]> = {},
  ) {
    super(message);
  }
}

export interface Answer {
  status: number;
  body: unknown;
  headers: Headers;
}

export interface Call {
  body?: unknown;
  /** The same key again changes nothing: take one per act, and keep it while trying again. */
  key?: string;
  headers?: Record<string, string>;
  /** True for what is said while a page closes. */
  keepalive?: boolean;
}

/** Calls `PATH` below /api/v1. Raises Refused; a call that reaches nobody is one of status 0. */
export async function call(method: string, path: string, more: Call = {}): Promise<Answer> {
  const headers: Record<string, string> = { Accept: "application/json", ...more.headers };
  if (method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (more.key) headers["Idempotency-Key"] = more.key;
  const isFile = more.body instanceof Blob || more.body instanceof FormData;
  if (more.body !== undefined && !isFile) headers["Content-Type"] = "application/json";
  let answer: Response;
  try {
    answer = await fetch(ROOT + path, {
      method,
      headers,
      credentials: "same-origin",
      redirect: "error",
      keepalive: more.keepalive ?? false,
      body: more.body === undefined ? null : isFile ? (more.body as BodyInit) : JSON.stringify(more.body),
    });
  } catch {
    throw new Refused(0, "offline", "The gateway cannot be reached. Nothing was changed; try again.");
  }
  const text = await answer.text();
  const body: unknown = text === "" ? null : parsed(text);
  if (answer.ok) return { status: answer.status, body, headers: answer.headers };
  if (answer.status === 401) goToSignIn();
  const error = (body as { error?: { code?: string; message?: string; details?: Details } } | null)?.error;
  throw new Refused(
    answer.status,
    error?.code ?? "error",
    error?.message ?? `The gateway answered ${answer.status}.`,
    error?.details?.fields ?? {},
  );
}

/** A part of a page, by its address; null where there is none, or the gateway is away. */
export async function part(path: string, signal?: AbortSignal): Promise<Document | null> {
  try {
    const answer = await fetch(path, { headers: { "HX-Request": "true" }, signal: signal ?? null });
    if (!answer.ok) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return null; // the page says by itself that the gateway is away, and reads again when it is back
  }
}

interface Details {
  fields?: Record<string, string[]>;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
