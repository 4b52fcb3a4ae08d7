/**
 * 360 View: which columns the table has, and editing a contact so that nobody's word is lost.
 *
 * The form is filled in with what the API says when it is opened, and saved against that state. If
 * somebody was faster, their words and ours are put together; where both changed the same detail
 * both are shown, and whoever edits chooses.
 */

import { act, newKey } from "./acts.ts";
import { call, Refused } from "./api.ts";
import { readAgain } from "./live.ts";
import { csrf } from "./page.ts";
import { save } from "./sessions.ts";
import { toast } from "./toasts.ts";

interface Detail {
  value: string | number | boolean;
  source: { kind: string; name: string | null; channel: string | null };
}

interface Card {
  details: Record<string, Detail | null>;
  custom: Record<string, Detail | null>;
}

const COLUMNS = "gateway-columns";
const YEAR_S = 31_536_000;
const ATTEMPTS = 5;

export function installCustomers(): void {
  installColumns();
  installExport();
  const form = document.querySelector<HTMLFormElement>("form[data-contact]");
  if (form !== null) installEditing(form);
}

function installColumns(): void {
  const menu = document.querySelector<HTMLElement>("[data-columns]");
  menu?.addEventListener("change", () => {
    const boxes = menu.querySelectorAll<HTMLInputElement>("input:checked");
    // A cookie: the server knows it before the next page is drawn.
    const value = [...boxes].map((box) => box.value).join("~");
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `${COLUMNS}=${value}; path=/console; max-age=${YEAR_S}; samesite=lax${secure}`;
    readAgain();
  });
}

/** Everything that is known of a customer, as a file; the page says while it is being written. */
function installExport(): void {
  document.addEventListener("click", (event) => {
    const from = event.target instanceof Element ? event.target : null;
    const button = from?.closest<HTMLElement>("[data-export-contact]");
    if (!button || button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    exported(button.dataset["exportContact"] ?? "")
      .catch(() => toast("The export could not be written. Try it again.", "bad"))
      .finally(() => button.removeAttribute("aria-busy"));
  });
}

async function exported(id: string): Promise<void> {
  const answer = await fetch(`/api/v1/contacts/${id}/export`, {
    method: "POST",
    headers: { "X-CSRF-Token": csrf },
    credentials: "same-origin",
    redirect: "error",
  });
  if (!answer.ok) throw new Error(`${answer.status}`);
  save(await answer.blob(), `${id}.zip`);
  toast("Everything that is known is in the file.");
}

/** What a contact shows, as a field would hold it, by the names of our fields. */
function shownBy(card: Card): Map<string, string> {
  const shown = new Map<string, string>();
  for (const [name, said] of Object.entries(card.details)) shown.set(name, text(said));
  for (const [name, said] of Object.entries(card.custom)) shown.set(`custom.${name}`, text(said));
  return shown;
}

function text(said: Detail | null | undefined): string {
  return said == null ? "" : String(said.value);
}

function installEditing(form: HTMLFormElement): void {
  const path = `/contacts/${form.dataset["contact"] ?? ""}`;
  const warning = form.querySelector<HTMLElement>("[data-conflict]");
  const dialog = form.closest("dialog");
  const newName = form.querySelector<HTMLInputElement>("[data-new-name]");
  const newValue = form.querySelector<HTMLInputElement>("[data-new-value]");
  let base: Map<string, string> | null = null;
  let etag = "";

  const read = async (): Promise<Card> => {
    const answer = await call("GET", path);
    etag = answer.headers.get("ETag") ?? "";
    return answer.body as Card;
  };

  const fields = (): HTMLInputElement[] => [...form.querySelectorAll<HTMLInputElement>("[data-detail]")];
  for (const name of ["name", "email", "phone", "external_id"]) {
    form.querySelector<HTMLInputElement>(`[name="${name}"]`)?.setAttribute("data-detail", name);
  }

  /** What was typed and is not what was read. */
  const typed = (): Map<string, string> => {
    const changed = new Map<string, string>();
    for (const field of fields()) {
      const name = field.dataset["detail"] ?? "";
      if (field.value.trim() !== (base?.get(name) ?? "")) changed.set(name, field.value.trim());
    }
    const name = newName?.value.trim() ?? "";
    if (name !== "") changed.set(`custom.${name}`, newValue?.value.trim() ?? "");
    return changed;
  };

  /** Shows this state, but keeps what was typed. */
  const fill = (shown: Map<string, string>, keep: Map<string, string>): void => {
    base = shown;
    const custom = form.querySelector("[data-custom]");
    for (const name of [...shown.keys()].filter((one) => one.startsWith("custom.")).sort()) {
      if (!fields().some((field) => field.dataset["detail"] === name)) custom?.append(ownField(name));
    }
    for (const field of fields()) {
      const name = field.dataset["detail"] ?? "";
      if (name.startsWith("custom.") && !shown.has(name) && !keep.has(name)) field.closest(".field")?.remove();
      else field.value = keep.get(name) ?? shown.get(name) ?? "";
    }
  };

  const clear = (): void => {
    warning?.setAttribute("hidden", "");
    for (const old of form.querySelectorAll("[data-theirs], .field-error")) old.remove();
  };

  const open = async (): Promise<void> => {
    if (base === null || typed().size === 0) {
      clear();
      fill(shownBy(await read()), new Map());
    }
    dialog?.showModal();
  };

  const save = async (): Promise<void> => {
    clear();
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const changed = typed();
      if (changed.size === 0) {
        dialog?.close();
        return;
      }
      form.dataset["act"] = `PATCH ${path}`;
      form.dataset["etag"] = etag;
      let faster = false;
      const refused = (event: Event): void => {
        if ((event as CustomEvent<Refused>).detail.status !== 412) return;
        event.preventDefault();
        faster = true;
      };
      form.addEventListener("refused", refused);
      const done = await act(form, bodyOf(changed));
      form.removeEventListener("refused", refused);
      delete form.dataset["act"];
      if (done) base = null;
      if (!faster) return;
      const before = base ?? new Map<string, string>();
      const card = await read();
      const now = shownBy(card);
      const both = [...changed].filter(
        ([name, mine]) => (now.get(name) ?? "") !== (before.get(name) ?? "") && now.get(name) !== mine,
      );
      fill(now, changed);
      if (both.length > 0) {
        warning?.removeAttribute("hidden");
        for (const [name] of both) showTheirs(form, name, card);
        return;
      }
    }
    toast("This contact keeps changing. Try it again.", "bad");
  };

  const said = (work: Promise<void>): void => {
    work.catch((error: unknown) => {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, "bad");
    });
  };
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-edit-contact]")) said(open());
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    said(save());
  });
}

/** What the API takes: an empty field takes the detail away. */
function bodyOf(changed: Map<string, string>): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  const custom: Record<string, unknown> = {};
  for (const [name, value] of changed) {
    if (name.startsWith("custom.")) custom[name.slice(7)] = value === "" ? null : value;
    else body[name] = value === "" ? null : value;
  }
  return Object.keys(custom).length > 0 ? { ...body, custom } : body;
}

function ownField(name: string): HTMLElement {
  const field = document.createElement("div");
  field.className = "field";
  const label = document.createElement("label");
  const input = document.createElement("input");
  input.id = `edit-${newKey()}`;
  input.autocomplete = "off";
  input.dataset["detail"] = name;
  label.htmlFor = input.id;
  label.textContent = name.slice(7);
  field.append(label, input);
  return field;
}

/** Beside a field that two changed: what the other one wrote, and a way to take it. */
function showTheirs(form: HTMLFormElement, name: string, card: Card): void {
  const field = form.querySelector<HTMLInputElement>(`[data-detail="${CSS.escape(name)}"]`);
  const theirs = name.startsWith("custom.") ? card.custom[name.slice(7)] : card.details[name];
  const beside = field ?? form.querySelector<HTMLInputElement>("[data-new-value]");
  if (beside === null) return;
  const words = document.createElement("p");
  words.className = "theirs";
  words.dataset["theirs"] = name;
  const who = theirs?.source.name ?? theirs?.source.channel ?? "Somebody";
  const value = document.createElement("strong");
  value.dir = "auto";
  value.textContent = text(theirs) || "nothing";
  const take = document.createElement("button");
  take.type = "button";
  take.className = "button button-small";
  take.textContent = "Take theirs";
  take.addEventListener("click", () => {
    beside.value = text(theirs);
    words.remove();
    beside.focus();
  });
  words.append(`${who} wrote `, value, ". Yours is in the field. ", take);
  beside.after(words);
}
