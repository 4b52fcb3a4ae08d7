/**
 * Sessions are searched as one types: the list is read again in place, and the address says what it
 * shows. What is chosen beside it makes a page of its own, to which one can go back.
 */

import { part } from "./api.ts";
import type { Htmx } from "./htmx.ts";

const AFTER_MS = 300;

export function installSearch(pane: HTMLElement, htmx: Htmx): void {
  const form = pane.querySelector<HTMLFormElement>("[data-sessions-filters]");
  if (form === null) return;
  let soon: ReturnType<typeof setTimeout> | undefined;
  let reading: AbortController | undefined;
  const search = (): void => {
    clearTimeout(soon);
    reading?.abort();
    reading = new AbortController();
    void show(pane, said(form), reading.signal, htmx);
  };
  form.addEventListener("input", (event) => {
    if (!isSearch(event.target)) return;
    clearTimeout(soon);
    soon = setTimeout(search, AFTER_MS);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  form.addEventListener("change", (event) => {
    // A date is changed digit by digit; one that is whole is meant.
    if (!isSearch(event.target)) location.assign(`${form.getAttribute("action") ?? ""}${said(form)}`);
  });
}

function isSearch(field: EventTarget | null): boolean {
  return field instanceof HTMLInputElement && field.type === "search";
}

/** What is chosen, as the end of an address; what is not does not stand in it. */
function said(form: HTMLFormElement): string {
  const chosen = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && value.trim() !== "") chosen.append(name, value.trim());
  }
  const text = chosen.toString();
  return text ? `?${text}` : "";
}

async function show(pane: HTMLElement, chosen: string, signal: AbortSignal, htmx: Htmx): Promise<void> {
  const asked = new URLSearchParams(chosen);
  const open = document.querySelector<HTMLElement>("[data-open-session]")?.dataset["openSession"];
  if (open !== undefined) asked.set("open", open);
  const found = (await part(`/console/sessions/table?${asked}`, signal))?.getElementById("sessions");
  // What was typed since asks for itself.
  if (!found || signal.aborted) return;
  document.getElementById("sessions")?.replaceWith(found);
  htmx.process(found);
  pane.querySelector("[data-list-scroll]")?.scrollTo({ top: 0 });
  document.getElementById("newer")?.replaceChildren();
  history.replaceState(null, "", `${location.pathname}${chosen}`);
  for (const mark of pane.querySelectorAll<HTMLElement>("[data-if-chosen]")) mark.hidden = chosen === "";
  for (const link of document.querySelectorAll<HTMLAnchorElement>("[data-export-as]")) link.search = chosen;
  const rows = found.querySelectorAll("tbody tr").length;
  const more = found.querySelector("[rel='next']") !== null ? " and more" : "";
  const told = pane.querySelector("[data-found]");
  if (told !== null) told.textContent = `${rows} ${rows === 1 ? "session" : "sessions"}${more}`;
}
