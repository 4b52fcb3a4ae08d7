/**
 * Pages are kept live: the gateway's events arrive here, become DOM events, and make the parts of a
 * page that they concern be read again.
 *
 *     <section hx-get="…" hx-trigger="live, every 30s" hx-swap="outerMorph"
 *              data-live="session message" data-live-session="ses_…">
 *
 * `data-live` names beginnings of event types (`session`, `message.created`), `data-live-session`
 * the only session that matters, `data-live-contact` the only customer (empty: not known yet, so
 * whoever becomes known may be the one); with both, either matters. `data-live-people` leaves out
 * what the AI does by itself. What happens in one burst is read once, and no more often than
 * `data-live-every` (ms) says. Whoever wants the events themselves listens:
 * `document.addEventListener("gateway", …)` for all, `"gateway:message.created"` for one type;
 * `detail` is the event as the API tells it.
 *
 * Browsers open only six connections to a host (HTTP/1.1): of all open pages one follows the
 * stream, and tells the others.
 */

import type { Htmx } from "./htmx.ts";
import { goToSignIn, me } from "./page.ts";

export interface GatewayEvent {
  type: string;
  data?: Record<string, unknown>;
  [more: string]: unknown;
}

/** `place`: where in the journal the event stands; whoever follows next goes on from there. */
type Told = { event: GatewayEvent; place: string } | { connected: boolean } | { reset: true };

const BURST_MS = 250;
const OFFLINE_AFTER_MS = 4_000;
const TYPES = [
  "session.started", "session.handed_over", "session.assigned", "session.returned",
  "session.finished", "session.updated", "session.overdue", "message.created", "message.updated",
  "note.created", "note.updated", "draft.created", "draft.updated", "contact.updated",
  "session.read", "session.typing", "session.looking",
];

let library: Htmx;
const waiting = new WeakMap<Element, ReturnType<typeof setTimeout>>();
const lastAt = new WeakMap<Element, number>();

export function installLive(htmx: Htmx): void {
  library = htmx;
  document.addEventListener("htmx:response:error", (event) => {
    const status = (event as CustomEvent<{ ctx?: { response?: { status?: number } } }>).detail.ctx?.response?.status;
    if (status === 401) goToSignIn();
  });
  if (me === null) return;
  const channel = new BroadcastChannel("gateway-events");
  channel.addEventListener("message", (message) => hear(message.data as Told));
  const tell = (told: Told): void => {
    hear(told);
    channel.postMessage(told);
  };
  // Where there are no locks (plain http on a network), each page follows by itself.
  if (!("locks" in navigator)) follow(hear);
  else {
    void navigator.locks.request("gateway-events", () => new Promise<never>(() => follow(tell)));
    void readWhatWasMissed();
  }
  window.addEventListener("online", () => readAgain());
  // A page that comes back from the browser's memory may be hours old.
  window.addEventListener("pageshow", (event) => event.persisted && readAgain());
}

/** Whoever is told by another page has heard nothing since this one was written. */
async function readWhatWasMissed(): Promise<void> {
  const { held } = await navigator.locks.query();
  if (held?.some((lock) => lock.name === "gateway-events")) readAgain();
}

let place = "";

function follow(tell: (told: Told) => void): void {
  // The page that followed before is gone: nothing that happened since its last event is missed.
  const source = new EventSource(`/console/events${place && `?after=${encodeURIComponent(place)}`}`);
  source.addEventListener("open", () => tell({ connected: true }));
  source.addEventListener("error", () => {
    tell({ connected: false });
    // Refused for good: the sign-in has ended, or the gateway is not there yet.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(tell), 3_000 + 4_000 * Math.random());
  });
  source.addEventListener("reset", () => tell({ reset: true }));
  for (const type of TYPES) {
    source.addEventListener(type, (message) => {
      const { data, lastEventId } = message as MessageEvent<string>;
      tell({ event: JSON.parse(data) as GatewayEvent, place: lastEventId });
    });
  }
}

let offline: ReturnType<typeof setTimeout> | undefined;

function hear(told: Told): void {
  if ("event" in told) {
    const { event } = told;
    place = told.place;
    document.dispatchEvent(new CustomEvent("gateway", { detail: event }));
    document.dispatchEvent(new CustomEvent(`gateway:${event.type}`, { detail: event }));
    refresh(event);
  } else if ("reset" in told) {
    readAgain();
  } else {
    showConnection(told.connected);
  }
}

function showConnection(connected: boolean): void {
  const note = document.getElementById("offline");
  clearTimeout(offline);
  offline = undefined;
  if (!connected) {
    offline = setTimeout(() => note?.removeAttribute("hidden"), OFFLINE_AFTER_MS);
    return;
  }
  note?.setAttribute("hidden", "");
  // What happened between the writing of this page and its stream was told to nobody; later on the
  // stream goes on where it was, but what it said while nobody listened may be too old.
  readAgain();
}

function refresh(event: GatewayEvent): void {
  for (const part of document.querySelectorAll<HTMLElement>("[data-live]")) {
    if (!isAbout(part, event)) continue;
    if (part.dataset["livePeople"] !== undefined && !concernsPeople(event)) continue;
    const wanted = (part.dataset["live"] ?? "").split(" ");
    if (wanted.some((one) => concerns(one, event.type))) readPart(part);
  }
}

function isAbout(part: HTMLElement, event: GatewayEvent): boolean {
  const { liveSession: session, liveContact: contact } = part.dataset;
  if (session === undefined && contact === undefined) return true;
  if (session !== undefined && session === sessionOf(event)) return true;
  if (contact === "") return event.type === "contact.updated";
  // Whoever was joined into another one is looked at under their own id until the page goes there.
  return contact !== undefined && (contact === contactOf(event) || contact === event.data?.["joined"]);
}

/** Who types or looks changes nothing that is kept: only who names that is told. */
function concerns(wanted: string, type: string): boolean {
  if (type === "session.typing" || type === "session.looking") return wanted === type;
  return wanted === "*" || type === wanted || type.startsWith(`${wanted}.`);
}

/** People hold the session or are waited for in it, or did until now: most events are the AI's own. */
function concernsPeople(event: GatewayEvent): boolean {
  const mode = (event.data?.["session"] as { mode?: string } | undefined)?.mode;
  return mode !== "ai" || event.type === "session.returned" || event.type === "session.finished";
}

/** The session that an event is about. */
export function sessionOf(event: GatewayEvent): string | undefined {
  const data = event.data ?? {};
  const session = (data["session"] as { id?: string } | undefined)?.id ?? data["session_id"];
  return typeof session === "string" ? session : undefined;
}

/** The customer that an event is about. */
export function contactOf(event: GatewayEvent): string | undefined {
  type Whose = { contact?: { id?: string } | null };
  const data = (event.data ?? {}) as Whose & { session?: Whose };
  return (data.contact ?? data.session?.contact)?.id;
}

/** Reads every live part of the page again, now. Who shows something else hears `read-again`. */
export function readAgain(): void {
  document.dispatchEvent(new CustomEvent("read-again"));
  for (const part of document.querySelectorAll<HTMLElement>("[data-live]")) readPart(part);
}

/** Reads a live part again: at once if nothing happened of late, else once for all that happens
 * within a moment. */
export function readPart(part: HTMLElement): void {
  if (waiting.has(part)) return;
  const burst = Number(part.dataset["liveEvery"] ?? BURST_MS);
  const wait = Math.max(0, (lastAt.get(part) ?? -burst) + burst - performance.now());
  waiting.set(
    part,
    setTimeout(() => {
      waiting.delete(part);
      if (!part.isConnected) return;
      lastAt.set(part, performance.now());
      library.trigger(part, "live");
    }, wait),
  );
}
