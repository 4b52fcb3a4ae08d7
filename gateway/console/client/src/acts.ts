/**
 * Acts by attributes: what a button or a form asks of the API.
 *
 *     <button data-act="POST /sessions/ses_…/accept">Accept</button>
 *     <form data-act="PATCH /operators/opr_…" data-then="reload">…</form>
 *
 * A form's fields are the body, by their names: `data-kind` says what they are (`number`, `flag`,
 * `list`, `lines`, `optional` for text that may be nothing). `data-body` holds more of it, as JSON.
 * What the API says stands in a toast; what it says of a field stands beside that field.
 * `data-confirm` asks first. `data-then` is what follows: `reload`, `go:/path`, `none`; without it
 * the elements that show what was changed are read again. `data-key` is for acts that must not
 * happen twice: the same form tries again under the same key.
 *
 * When it is done the element tells so by `acted` (detail: the answer), when refused by `refused`.
 */

import { call, Refused, type Answer } from "./api.ts";
import { readAgain } from "./live.ts";
import { toast, toastNext } from "./toasts.ts";

export function installActs(): void {
  document.addEventListener("click", (event) => {
    const from = event.target instanceof Element ? event.target : null;
    const button = from?.closest<HTMLElement>("[data-act]:not(form)");
    if (!button) return;
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    void act(button, { ...extra(button) });
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset["act"] === undefined) return;
    event.preventDefault();
    void act(form, { ...fieldsOf(form), ...extra(form) }, event.submitter);
  });
}

const keys = new WeakMap<Element, string>();

/** A key that nobody else takes; `randomUUID` is for https alone. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Asks the API for what the element says. True if it was done. */
export async function act(
  element: HTMLElement,
  body: Record<string, unknown>,
  submitter: HTMLElement | null = null,
): Promise<boolean> {
  const [method = "POST", path = ""] = (element.dataset["act"] ?? "").split(" ");
  const question = submitter?.dataset["confirm"] ?? element.dataset["confirm"];
  if (question !== undefined && !(await confirmed(question))) return false;
  const busy = submitter ?? element;
  if (busy.getAttribute("aria-busy") === "true") return false;
  busy.setAttribute("aria-busy", "true");
  const key = keys.get(element) ?? newKey();
  keys.set(element, key);
  clearProblems(element);
  try {
    const answer = await call(method, path, {
      key,
      ...(method === "GET" || (method === "DELETE" && Object.keys(body).length === 0) ? {} : { body }),
      ...(element.dataset["etag"] ? { headers: { "If-Match": element.dataset["etag"] } } : {}),
    });
    keys.delete(element);
    done(element, answer);
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    // What reached nobody, or may have, is tried again under its key; what was refused is another.
    if (error.status !== 0 && error.status < 500) keys.delete(element);
    refused(element, error);
    return false;
  } finally {
    busy.removeAttribute("aria-busy");
  }
}

function done(element: HTMLElement, answer: Answer): void {
  const proceed = element.dispatchEvent(
    new CustomEvent("acted", { bubbles: true, cancelable: true, detail: answer }),
  );
  if (!proceed) return;
  const said = (answer.body as { message?: unknown } | null)?.message;
  const text = element.dataset["said"] ?? (typeof said === "string" ? said : "");
  element.closest("dialog")?.close();
  if (element instanceof HTMLFormElement && element.dataset["keep"] === undefined) element.reset();
  const then = element.dataset["then"] ?? "";
  if (then === "reload" || then.startsWith("go:")) {
    if (text) toastNext(text);
    if (then === "reload") location.reload();
    else location.assign(then.slice(3));
    return;
  }
  if (text) toast(text);
  if (then !== "none") readAgain();
}

function refused(element: HTMLElement, error: Refused): void {
  const told = element.dispatchEvent(
    new CustomEvent("refused", { bubbles: true, cancelable: true, detail: error }),
  );
  if (!told) return;
  let beside = false;
  for (const [name, problems] of Object.entries(error.fields)) {
    const field = element.querySelector<HTMLElement>(`[name="${CSS.escape(name.split(".")[0] ?? name)}"]`);
    if (field === null) continue;
    beside = true;
    const words = document.createElement("p");
    words.className = "field-error";
    words.id = `${field.id || name}-error`;
    words.textContent = problems.join(" ");
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-errormessage", words.id);
    field.after(words);
    field.focus();
  }
  if (beside) return;
  const dialog = element.closest("dialog");
  if (dialog?.open) showIn(element, error.message);
  else toast(error.message, "bad");
  if (error.status === 409 || error.status === 404) readAgain(); // what is shown is not so any more
}

/** A dialog covers the toasts: what was refused is said inside of it. */
function showIn(element: HTMLElement, text: string): void {
  const words = document.createElement("p");
  words.className = "alert";
  words.setAttribute("role", "alert");
  words.dataset["problem"] = "";
  words.textContent = text;
  element.prepend(words);
}

function clearProblems(element: HTMLElement): void {
  for (const old of element.querySelectorAll(".field-error, [data-problem]")) old.remove();
  for (const field of element.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

function extra(element: HTMLElement): Record<string, unknown> {
  return JSON.parse(element.dataset["body"] ?? "{}") as Record<string, unknown>;
}

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** A form's fields as the API takes them. */
export function fieldsOf(form: HTMLFormElement): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const field of form.elements) {
    if (!isField(field) || !field.name || field.disabled) continue;
    const value = valueOf(field, body[field.name]);
    if (value !== undefined) put(body, field.name, value);
  }
  return body;
}

/** `links.acme` is a field of `links`. */
function put(body: Record<string, unknown>, name: string, value: unknown): void {
  const [first = "", rest] = name.split(/\.(.*)/s);
  if (!rest) body[first] = value;
  else body[first] = { ...((body[first] as object | undefined) ?? {}), [rest]: value };
}

function isField(element: Element): element is Field {
  return (
    element instanceof HTMLInputElement ||
    element instanceof HTMLSelectElement ||
    element instanceof HTMLTextAreaElement
  );
}

function valueOf(field: Field, before: unknown): unknown {
  const kind = field.dataset["kind"] ?? "";
  const isBox = field instanceof HTMLInputElement && ["checkbox", "radio"].includes(field.type);
  if (kind === "list") {
    const known = Array.isArray(before) ? (before as unknown[]) : [];
    if (field instanceof HTMLSelectElement && field.multiple) {
      return [...field.selectedOptions].map((option) => option.value);
    }
    return isBox && !(field as HTMLInputElement).checked ? known : [...known, field.value];
  }
  if (kind === "flag") return isBox ? (field as HTMLInputElement).checked : field.value === "true";
  if (isBox && !(field as HTMLInputElement).checked) return undefined;
  const text = field.value.trim();
  if (kind === "lines") return text === "" ? [] : text.split(/[\s,]+/);
  if (kind === "number") return text === "" ? null : Number(text);
  if (kind === "optional") return text === "" ? null : text;
  if (kind === "unless-empty") return text === "" ? undefined : field.value;
  return field.type === "password" ? field.value : field instanceof HTMLTextAreaElement ? field.value : text;
}

/** Asks in a dialog of our own. */
export function confirmed(question: string): Promise<boolean> {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  const form = document.createElement("form");
  form.method = "dialog";
  form.className = "stack";
  const words = document.createElement("p");
  words.textContent = question;
  const foot = document.createElement("div");
  foot.className = "form-foot";
  foot.append(button("Cancel", "", "button"), button("Yes", "yes", "button button-primary"));
  form.append(words, foot);
  dialog.append(form);
  dialog.setAttribute("aria-label", question);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

function button(text: string, value: string, style: string): HTMLButtonElement {
  const made = document.createElement("button");
  made.value = value;
  made.className = style;
  made.textContent = text;
  return made;
}
