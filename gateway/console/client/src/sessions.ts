/**
 * The Sessions page: the keyboard, rows that stay true one by one, new sessions that announce
 * themselves, and the export with its progress.
 *
 * The list moves only when its reader moves it: events read single rows again, in place, and what
 * would come before the first row is counted in a button.
 */

import { part } from "./api.ts";
import type { Htmx } from "./htmx.ts";
import { contactOf, sessionOf, type GatewayEvent } from "./live.ts";
import { installSearch } from "./search.ts";
import { toast } from "./toasts.ts";

const ROWS_MS = 300;
const NEWER_MS = 2_000;
const EVERY_MS = 30_000;
const PLACE = "gateway-sessions-scroll";

export function installSessions(htmx: Htmx): void {
  const pane = document.querySelector<HTMLElement>("[data-sessions-pane]");
  if (pane === null) return;
  keepPlace(pane);
  installRows(pane, htmx);
  installKeys(pane);
  installSearch(pane, htmx);
  installExport();
  installWhy(htmx);
  // The head of a chat is read again by itself, and does not know from which list it was opened.
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("[data-back]") : null;
    if (link) link.href = `/console/sessions${withoutOpen(query())}`;
  });
}

/** What the list was asked for: filters, and where its page begins. */
function query(): string {
  return document.getElementById("sessions")?.dataset["sessions"] ?? "";
}

function withoutOpen(text: string): string {
  const said = new URLSearchParams(text);
  said.delete("open");
  said.delete("start");
  const left = said.toString();
  return left ? `?${left}` : "";
}

// -- rows --------------------------------------------------------------------------------------

function installRows(pane: HTMLElement, htmx: Htmx): void {
  const changed = new Set<string>();
  let rows: ReturnType<typeof setTimeout> | undefined;
  let newer: ReturnType<typeof setTimeout> | undefined;
  document.addEventListener("gateway", (event) => {
    const told = (event as CustomEvent<GatewayEvent>).detail;
    if (told.type === "contact.updated") read(rowsOf(pane, contactOf(told)));
    const session = sessionOf(told);
    if (session === undefined || told.type === "session.typing") return;
    if (document.getElementById(`row-${session}`) !== null) read([session]);
    else count(told.type === "session.started" ? ROWS_MS : NEWER_MS);
  });
  const read = (sessions: string[]): void => {
    for (const session of sessions) changed.add(session);
    if (changed.size === 0) return;
    rows ??= setTimeout(() => {
      rows = undefined;
      const ids = [...changed];
      changed.clear();
      void readRows(ids, htmx);
    }, ROWS_MS);
  };
  const count = (afterMs: number): void => {
    if (document.querySelector("[data-newest]") === null) return;
    newer ??= setTimeout(() => {
      newer = undefined;
      void countNewer();
    }, afterMs);
  };
  document.addEventListener("read-again", () => count(ROWS_MS));
  setInterval(() => count(ROWS_MS), EVERY_MS);
  pane.addEventListener("click", (event) => {
    const from = event.target instanceof Element ? event.target : null;
    if (from === null || from.closest("a, button, input, select, summary") || event.button !== 0) return;
    const link = from.closest("tr[data-session]")?.querySelector<HTMLAnchorElement>(".row-link");
    if (!link || getSelection()?.toString()) return;
    if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
    else location.assign(link.href);
  });
}

/** The sessions of a customer that are shown, and of those who may have become known by this. */
function rowsOf(pane: HTMLElement, contact: string | undefined): string[] {
  const rows = [...pane.querySelectorAll<HTMLElement>("tr[data-contact]")];
  const theirs = rows.filter((row) => row.dataset["contact"] === contact || row.dataset["contact"] === "");
  return theirs.map((row) => row.dataset["session"] ?? "");
}

async function readRows(ids: string[], htmx: Htmx): Promise<void> {
  const asked = new URLSearchParams(query());
  for (const id of ids) asked.append("id", id);
  const found = await part(`/console/sessions/rows?${asked}`);
  for (const row of found?.querySelectorAll<HTMLElement>("tr[data-session]") ?? []) {
    const old = document.getElementById(row.id);
    if (old === null) continue;
    const focused = old.contains(document.activeElement);
    if (row.outerHTML === old.outerHTML) continue;
    row.classList.add("row-changed");
    old.replaceWith(row);
    htmx.process(row);
    if (focused) row.querySelector<HTMLElement>(".row-link")?.focus({ preventScroll: true });
  }
}

async function countNewer(): Promise<void> {
  const found = await part(`/console/sessions/newer${query()}`);
  if (found === null) return;
  document.getElementById("newer")?.replaceChildren(...found.body.children);
}

// -- place -------------------------------------------------------------------------------------

/** The list stands where it stood, when a session of it is opened or left. */
function keepPlace(pane: HTMLElement): void {
  const box = pane.querySelector<HTMLElement>("[data-list-scroll]");
  if (box === null) return;
  const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? "null") as { key: string; top: number } | null;
  if (kept?.key === withoutOpen(query())) box.scrollTop = kept.top;
  window.addEventListener("pagehide", () => {
    sessionStorage.setItem(PLACE, JSON.stringify({ key: withoutOpen(query()), top: box.scrollTop }));
  });
  box.querySelector("[aria-current='true']")?.scrollIntoView({ block: "nearest" });
}

// -- the keyboard ------------------------------------------------------------------------------

function installKeys(pane: HTMLElement): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    const at = document.activeElement;
    const writes = at?.matches("input, textarea, select, [contenteditable]") ?? false;
    if (event.key === "/" && !writes) {
      event.preventDefault();
      openFilters(pane);
      pane.querySelector<HTMLInputElement>("[data-search]")?.select();
      return;
    }
    if (event.key === "Escape") {
      if (writes) (at as HTMLElement).blur();
      else if (document.querySelector("[data-open-session]")) document.querySelector<HTMLElement>("[data-back]")?.click();
      return;
    }
    const isSearch = at?.matches("[data-search]") ?? false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    // In the chat the arrows scroll.
    if (step === undefined || (writes && !isSearch) || at?.closest("[data-scroll]")) return;
    const links = [...pane.querySelectorAll<HTMLAnchorElement>(".row-link")];
    if (links.length === 0) return;
    const here = links.indexOf(at as HTMLAnchorElement);
    const open = links.findIndex((link) => link.closest("tr")?.getAttribute("aria-current") === "true");
    const next = here >= 0 ? here + step : open >= 0 ? open + step : step > 0 ? 0 : links.length - 1;
    event.preventDefault();
    const link = links[Math.min(Math.max(next, 0), links.length - 1)];
    link?.focus({ preventScroll: true });
    link?.closest("tr")?.scrollIntoView({ block: "nearest" });
  });
}

// -- filters -----------------------------------------------------------------------------------

function openFilters(pane: HTMLElement): void {
  const room = pane.querySelector<HTMLElement>(".sessions-filters-room");
  room?.toggleAttribute("data-open", true);
  pane.querySelector("[data-filters-toggle]")?.setAttribute("aria-expanded", "true");
}

// -- why ---------------------------------------------------------------------------------------

/** Why the AI spoke is read when somebody wonders. */
function installWhy(htmx: Htmx): void {
  const why = document.querySelector<HTMLDetailsElement>("[data-why]");
  why?.addEventListener(
    "toggle",
    () => {
      const body = why.querySelector(".why-body");
      if (why.open && body !== null) htmx.trigger(body, "open");
    },
    { once: true },
  );
}

// -- export ------------------------------------------------------------------------------------

function installExport(): void {
  const room = document.querySelector<HTMLElement>("[data-export]");
  if (room === null) return;
  const going = room.querySelector<HTMLElement>(".export-going");
  const status = room.querySelector<HTMLElement>("[data-export-status]");
  const cancel = room.querySelector<HTMLElement>("[data-export-cancel]");
  let stop: AbortController | null = null;
  cancel?.addEventListener("click", () => stop?.abort());
  room.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("[data-export-as]") : null;
    if (link === null || going === null || status === null || cancel === null) return;
    event.preventDefault();
    if (stop !== null) return;
    stop = new AbortController();
    going.hidden = cancel.hidden = false;
    const isTable = link.dataset["exportAs"] === "csv";
    const tell = (sessions: number): void => {
      status.textContent = `${sessions.toLocaleString("en-GB")} ${sessions === 1 ? "session" : "sessions"} so far…`;
    };
    tell(0);
    void fetchFile(link.href, stop.signal, isTable, tell)
      .then(({ blob, sessions }) => {
        save(blob, link.download);
        room.closest("dialog")?.close();
        toast(`${sessions.toLocaleString("en-GB")} ${sessions === 1 ? "session" : "sessions"} exported`);
      })
      .catch((error: unknown) => {
        const cancelled = error instanceof DOMException && error.name === "AbortError";
        toast(cancelled ? "Export cancelled" : "The export broke off. Try it again.", cancelled ? "" : "bad");
      })
      .finally(() => {
        stop = null;
        going.hidden = cancel.hidden = true;
      });
  });
}

/** Reads a file to its end, and counts the lines on which a session begins. */
async function fetchFile(
  address: string,
  signal: AbortSignal,
  isTable: boolean,
  tell: (sessions: number) => void,
): Promise<{ blob: Blob; sessions: number }> {
  const answer = await fetch(address, { signal });
  if (!answer.ok || answer.body === null) throw new Error(`the gateway answered ${answer.status}`);
  const parts: BlobPart[] = [];
  const reader = answer.body.getReader();
  const text = new TextDecoder();
  const begins = isTable ? "ses_" : '{"id":"ses_';
  let sessions = 0;
  let rest = "";
  let last = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    const lines = (rest + text.decode(value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    sessions += lines.filter((line) => line.startsWith(begins)).length;
    if (performance.now() - last > 200) {
      last = performance.now();
      tell(sessions);
    }
  }
  return { blob: new Blob(parts, { type: isTable ? "text/csv" : "application/json" }), sessions };
}

export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
