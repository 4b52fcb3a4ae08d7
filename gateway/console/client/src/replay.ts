/**
 * Doing many again, one after the other, with progress (`deliveries/macros.html`).
 *
 *     <form data-replay="/deliveries/ID/replay" data-replay-good="applied">
 *
 * `data-replay` is the API's door for one; an answer whose state is `data-replay-good` went well.
 * `data-replay-all` is a list of the API: all of it is read first, page by page.
 */

import { newKey } from "./acts.ts";
import { call, Refused } from "./api.ts";
import { toast, toastNext } from "./toasts.ts";

const AT_ONCE = 500;

export function installReplay(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-replay]");
  if (form !== null) install(form);
}

function install(form: HTMLFormElement): void {
  const every = form.querySelector<HTMLInputElement>("[data-replay-every]");
  const start = form.querySelector<HTMLElement>("[data-replay-start]");
  const boxes = (): HTMLInputElement[] => [...form.querySelectorAll<HTMLInputElement>('input[name="id"]')];
  const chosen = (): string[] => boxes().filter((box) => box.checked).map((box) => box.value);
  form.addEventListener("change", (event) => {
    if (event.target === every) for (const box of boxes()) box.checked = every?.checked ?? false;
    start?.setAttribute("aria-disabled", String(chosen().length === 0));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (chosen().length > 0) void run(form, chosen);
  });
  form.querySelector<HTMLElement>("[data-replay-all]")?.addEventListener("click", (event) => {
    const list = (event.currentTarget as HTMLElement).dataset["replayAll"] ?? "";
    void run(form, () => all(list));
  });
}

/** The ids of everything in a list. */
async function all(list: string): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor = ""; ; ) {
    const more = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    const { body } = await call("GET", `${list}&limit=${AT_ONCE}${more}`);
    const page = body as { items: { id: string }[]; next_cursor: string | null };
    ids.push(...page.items.map((item) => item.id));
    if (page.next_cursor === null) return ids;
    cursor = page.next_cursor;
  }
}

async function run(form: HTMLFormElement, which: () => string[] | Promise<string[]>): Promise<void> {
  if (form.getAttribute("aria-busy") === "true") return;
  form.setAttribute("aria-busy", "true");
  const box = form.querySelector<HTMLElement>("[data-replay-progress]");
  const bar = form.querySelector("progress");
  const said = form.querySelector("[data-replay-said]");
  let stopped = false;
  form.querySelector("[data-replay-stop]")?.addEventListener("click", () => (stopped = true), { once: true });
  let well = 0;
  let badly = 0;
  try {
    const ids = await which();
    box?.removeAttribute("hidden");
    for (const id of ids) {
      if (stopped) break;
      const done = await one(form, id);
      if (done) well++;
      else badly++;
      bar?.setAttribute("max", String(ids.length));
      bar?.setAttribute("value", String(well + badly));
      if (said) said.textContent = `${well + badly} of ${ids.length}: ${summary(well, badly)}`;
    }
    toastNext(`${stopped ? "Stopped. " : ""}${ids.length === 0 ? "Nothing to do" : summary(well, badly)}`);
    location.reload();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    toast(`${summary(well, badly)}, then: ${error.message}`, "bad");
    box?.setAttribute("hidden", "");
    form.removeAttribute("aria-busy");
  }
}

function summary(well: number, badly: number): string {
  return badly === 0 ? `${well} went well` : `${well} went well, ${badly} failed again`;
}

/** True if it went well. Raises Refused where going on makes no sense. */
async function one(form: HTMLFormElement, id: string): Promise<boolean> {
  const path = (form.dataset["replay"] ?? "").replace("ID", encodeURIComponent(id));
  let state: string;
  try {
    const { body } = await call("POST", path, { key: newKey() });
    state = (body as { state: string }).state;
  } catch (error) {
    // Somebody else did it meanwhile, or it is gone: the others may still be done.
    if (!(error instanceof Refused) || ![404, 409].includes(error.status)) throw error;
    state = "gone";
  }
  const cell = form.querySelector(`[data-row="${CSS.escape(id)}"] [data-replay-state]`);
  const good = state === form.dataset["replayGood"];
  if (cell) cell.textContent = good ? "Done" : "Failed again";
  return good;
}
