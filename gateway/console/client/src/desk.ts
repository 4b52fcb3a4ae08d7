/** Human Agents: waiting times that go on counting, keys, who else looks, and what was read. */

import { call, Refused } from "./api.ts";
import { installCompose } from "./compose.ts";
import { readPart, type GatewayEvent } from "./live.ts";
import { me, now } from "./page.ts";

const SOON = 0.6;
const LOOKING_EVERY_MS = 15_000;
const LOOKING_LASTS_MS = 40_000;

export function installDesk(): void {
  installWaits();
  const desk = document.querySelector<HTMLElement>("[data-desk]");
  if (desk === null) return;
  installKeys();
  installSearch();
  const session = desk.dataset["desk"] ?? "";
  if (!session) return;
  installCompose();
  installLooking(session);
  installReading(session);
  document.querySelector(".ticket-link[aria-current]")?.scrollIntoView({ block: "nearest" });
}

// -- waiting times ---------------------------------------------------------------------------------

function installWaits(): void {
  const tick = (): void => {
    for (const wait of document.querySelectorAll<HTMLElement>("[data-wait]")) count(wait, now());
  };
  tick();
  setInterval(tick, 1_000);
  document.addEventListener("htmx:after:swap", tick);
}

/** As the server says it (`desk.py`). */
function count(wait: HTMLElement, at: number): void {
  const since = Date.parse(wait.dataset["since"] ?? "");
  const due = Date.parse(wait.dataset["due"] ?? "");
  const words = wait.querySelector("[data-passed]");
  const text = passed(at - since);
  if (words && words.textContent !== text) words.textContent = text;
  const late = wait.hasAttribute("data-overdue") || at >= due;
  const tone = late ? "late" : at - since >= SOON * (due - since) ? "soon" : "calm";
  if (wait.dataset["tone"] !== tone) wait.dataset["tone"] = tone;
}

export function passed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const two = (value: number): string => String(value).padStart(2, "0");
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  return hours > 0 ? `${hours}:${two(minutes % 60)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

// -- keys and search -------------------------------------------------------------------------------

function installKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey) return;
    // By the place of the key: with Alt some keyboards write another letter.
    if (event.code === "ArrowDown") move(1);
    else if (event.code === "ArrowUp") move(-1);
    else if (event.code === "KeyR") write("reply");
    else if (event.code === "KeyN") write("note");
    else return;
    event.preventDefault();
  });
}

function write(kind: string): void {
  document.dispatchEvent(new CustomEvent("desk:write", { detail: kind }));
}

function move(by: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLAnchorElement>(".ticket-link")];
  const at = links.findIndex((link) => link.getAttribute("aria-current") === "page");
  const next = at === -1 ? (by === 1 ? links[0] : links.at(-1)) : links[at + by];
  next?.click();
}

/** The address says what is searched for, so that a reload or a colleague finds the same. */
function installSearch(): void {
  const form = document.querySelector<HTMLFormElement>("[data-desk-search]");
  form?.addEventListener("input", () => {
    const address = new URL(location.href);
    const name = new FormData(form).get("name");
    if (typeof name === "string" && name.trim()) address.searchParams.set("name", name.trim());
    else address.searchParams.delete("name");
    history.replaceState(null, "", address);
  });
}

// -- who else looks --------------------------------------------------------------------------------

function installLooking(session: string): void {
  const others = new Map<string, { name: string; until: number }>();
  const show = (): void => {
    const room = document.querySelector<HTMLElement>("[data-lookers]");
    if (room === null) return;
    for (const [id, one] of others) if (one.until < Date.now()) others.delete(id);
    const names = [...others.values()].map((one) => one.name).sort();
    const words = names.length === 0 ? "" : `${names.join(", ")} ${names.length === 1 ? "is" : "are"} looking at this, too`;
    if (room.textContent !== words) room.textContent = words;
  };
  const say = async (on: boolean): Promise<void> => {
    try {
      const answer = await call("POST", `/sessions/${session}/looking`, { body: { on }, keepalive: !on });
      if (!on) return;
      others.clear();
      for (const one of (answer.body as { others: { id: string; name: string }[] }).others) {
        others.set(one.id, { name: one.name, until: Date.now() + LOOKING_LASTS_MS });
      }
      show();
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // it is said again soon
    }
  };
  document.addEventListener("gateway:session.looking", (event) => {
    const data = (event as CustomEvent<GatewayEvent>).detail.data ?? {};
    const by = data["by"] as { id: string; name: string };
    if (data["session_id"] !== session || by.id === me?.id) return;
    if (data["on"] === true) others.set(by.id, { name: by.name, until: Date.now() + LOOKING_LASTS_MS });
    else others.delete(by.id);
    show();
  });
  const visible = (): boolean => document.visibilityState === "visible";
  if (visible()) void say(true);
  setInterval(() => (visible() ? void say(true) : show()), LOOKING_EVERY_MS);
  document.addEventListener("visibilitychange", () => void say(visible()));
  window.addEventListener("pagehide", () => void say(false));
}

// -- what was read ---------------------------------------------------------------------------------

/**
 * Whoever has a session in front of them has read it, for themselves; the customer is shown that of
 * whoever holds it.
 */
function installReading(session: string): void {
  let waiting = false;
  const read = (): void => {
    if (waiting || document.visibilityState !== "visible") return;
    waiting = true;
    const mine = document.getElementById("talk-head")?.dataset["mine"] === "yes";
    call("POST", `/sessions/${session}/read`, { body: { quietly: !mine } })
      .then((answer) => {
        const queue = document.getElementById("queue");
        if ((answer.body as { moved: boolean }).moved && queue !== null) readPart(queue);
      })
      .catch((error: unknown) => {
        if (!(error instanceof Refused)) throw error;
      })
      .finally(() => (waiting = false));
  };
  read();
  document.addEventListener("visibilitychange", read);
  document.addEventListener("gateway:message.created", (event) => {
    const data = (event as CustomEvent<GatewayEvent>).detail.data ?? {};
    const by = (data["message"] as { author?: { kind?: string } } | undefined)?.author?.kind;
    if ((data["session"] as { id?: string } | undefined)?.id === session && by === "customer") read();
  });
  document.addEventListener("gateway:session.assigned", () => setTimeout(read, 1_000));
}
