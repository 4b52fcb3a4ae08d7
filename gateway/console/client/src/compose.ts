/**
 * Where replies and notes are written (`human_agents/compose.html`): what is in it is kept with every
 * letter, Enter sends, and the customer is shown that somebody writes.
 */

import { newKey } from "./acts.ts";
import { call, Refused } from "./api.ts";
import { toEnd } from "./history.ts";
import { keep, keyOf, recall, type Chosen, type Kept, type Kind, type Outgoing } from "./kept.ts";
import { Outbox } from "./outbox.ts";
import { icon } from "./page.ts";
import { toast } from "./toasts.ts";

const TYPING_EVERY_MS = 4_000;
const TYPING_ENDS_MS = 6_000;
const MOST_FILES = 5;
const PLACEHOLDER: Record<Kind, string> = {
  reply: "Write to the customer",
  note: "Write a note for the people inside; the customer never sees it",
};
const OVER = "This session is finished. When the customer writes again, a new one starts.";
const NO_SEAT = "You cannot answer here; above it says why.";

export function installCompose(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-compose]");
  if (form) new Composer(form);
}

function one<Type extends HTMLElement>(form: HTMLElement, selector: string): Type {
  const found = form.querySelector<Type>(selector);
  if (found === null) throw new Error(`the composer has no ${selector}`);
  return found;
}

class Composer {
  readonly #session: string;
  readonly #words: HTMLTextAreaElement;
  readonly #outbox: Outbox;
  #kept: Kept;
  #typingSaid = 0;
  #typingEnds: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly form: HTMLFormElement) {
    this.#session = form.dataset["compose"] ?? "";
    this.#words = one(form, "[data-text]");
    this.#kept = recall(this.#session);
    this.#outbox = new Outbox(this.#session, one(form, "[data-outbox]"), (words) => this.#back(words));
    this.#listen();
    this.#draw();
    this.#allow();
  }

  #listen(): void {
    const { form } = this;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#words.addEventListener("input", () => {
      this.#kept[this.#kept.tab] = this.#words.value;
      this.#keep();
      this.#say();
    });
    this.#words.addEventListener("keydown", (event) => {
      // While a word is composed (Japanese, Chinese, …) Enter chooses it.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    });
    this.#words.addEventListener("blur", () => this.#sayNoMore());
    window.addEventListener("pagehide", () => this.#sayNoMore());
    for (const tab of form.querySelectorAll<HTMLElement>("[data-tab]")) {
      tab.addEventListener("click", () => this.#choose(tab.dataset["tab"] as Kind));
      tab.addEventListener("keydown", (event) => {
        if (event.key === "ArrowLeft" || event.key === "ArrowRight") this.#choose(this.#kept.tab === "reply" ? "note" : "reply", "tab");
      });
    }
    one(form, "[data-forget-draft]").addEventListener("click", () => {
      this.#kept.draft = null;
      this.#kept.reply = "";
      this.#keep();
      this.#draw();
    });
    this.#listenForFiles();
    document.addEventListener("click", (event) => {
      const from = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-edit-draft]") : null;
      if (from) this.#edit(from);
    });
    // Another tab has the same session open: it shows the same words.
    window.addEventListener("storage", (event) => {
      if (event.key !== keyOf(this.#session)) return;
      this.#kept = recall(this.#session);
      this.#outbox.show();
      this.#draw();
    });
    document.addEventListener("htmx:after:swap", () => this.#allow());
    document.addEventListener("desk:write", (event) => this.#choose((event as CustomEvent<Kind>).detail, "text"));
  }

  // -- what is written ---------------------------------------------------------------------------

  #keep(): void {
    this.#kept.outbox = recall(this.#session).outbox;
    const kept = keep(this.#session, this.#kept);
    one(this.form, "[data-hint]").textContent = kept
      ? "Enter sends, Shift+Enter breaks the line."
      : "This browser keeps nothing: what you write is lost when the page closes.";
  }

  #draw(): void {
    const { tab } = this.#kept;
    if (this.#words.value !== this.#kept[tab]) this.#words.value = this.#kept[tab];
    for (const button of this.form.querySelectorAll<HTMLElement>("[data-tab]")) {
      const chosen = button.dataset["tab"] === tab;
      button.setAttribute("aria-selected", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
    this.form.dataset["kind"] = tab;
    this.#words.setAttribute("aria-labelledby", `tab-${tab}`);
    one(this.form, "[data-editing]").hidden = this.#kept.draft === null || tab !== "reply";
    this.#drawFiles();
    this.#allow();
  }

  /** Whether there is somebody to write to, as the head of the session says it. */
  #allow(): void {
    const head = document.getElementById("talk-head");
    if (head === null) return;
    const isNote = this.#kept.tab === "note";
    // Notes go into the channel under the same name as replies, and also after the end.
    const seat = this.form.dataset["seat"] !== "no";
    const allowed = isNote ? seat : head.dataset["canReply"] === "yes";
    this.#words.disabled = !allowed;
    this.#words.placeholder = allowed ? PLACEHOLDER[this.#kept.tab] : seat ? OVER : NO_SEAT;
    // What cannot be done is not offered.
    for (const tool of this.form.querySelectorAll<HTMLButtonElement>("[data-send], [data-attach]")) tool.disabled = !allowed;
    this.form.toggleAttribute("data-closed", !allowed);
  }

  #choose(kind: Kind, focus: "" | "tab" | "text" = "text"): void {
    this.#kept.tab = kind;
    this.#keep();
    this.#draw();
    this.#sayNoMore();
    if (focus === "tab") one(this.form, `[data-tab="${kind}"]`).focus();
    else if (focus === "text") this.#words.focus();
  }

  #edit(from: HTMLElement): void {
    const template = from.parentElement?.querySelector<HTMLTemplateElement>("[data-draft-text]");
    const draft = template?.content.textContent ?? "";
    // What somebody has begun to write is not thrown away for a draft.
    const begun = this.#kept.reply.trim();
    this.#kept.reply = begun ? `${this.#kept.reply}\n\n${draft}` : draft;
    this.#kept.draft = from.dataset["editDraft"] ?? null;
    this.#choose("reply");
    this.#words.setSelectionRange(this.#words.value.length, this.#words.value.length);
  }

  #back(words: Outgoing): void {
    const begun = this.#kept[words.kind].trim();
    this.#kept[words.kind] = begun ? `${words.text}\n\n${this.#kept[words.kind]}` : words.text;
    if (words.kind === "reply") {
      this.#kept.draft ??= words.final ? null : words.draft;
      this.#kept.files = [...words.files, ...this.#kept.files].slice(0, MOST_FILES);
    }
    this.#choose(words.kind);
  }

  #send(): void {
    const { tab } = this.#kept;
    const text = this.#kept[tab].trim();
    const files = tab === "reply" ? this.#kept.files : [];
    if (this.#words.disabled || (!text && files.length === 0)) return;
    if (tab === "reply" && this.form.querySelector("[data-coming]")) {
      toast("A file is still on its way. Send it in a moment.");
      return;
    }
    const words: Outgoing = {
      key: newKey(), kind: tab, text: this.#kept[tab], files, draft: tab === "reply" ? this.#kept.draft : null,
      at: Date.now(), problem: "", final: false,
    };
    // One write: the words are in the field or on their way, never in neither.
    this.#kept = { ...this.#kept, [tab]: "", outbox: [...recall(this.#session).outbox, words] };
    if (tab === "reply") this.#kept = { ...this.#kept, files: [], draft: null };
    if (!keep(this.#session, this.#kept)) {
      this.#kept = { ...this.#kept, [tab]: words.text, files, draft: words.draft, outbox: [] };
      toast("This browser keeps nothing, so nothing can be sent safely. Make room in it.", "bad");
      return;
    }
    this.#draw();
    this.#outbox.show();
    this.#sayNoMore();
    const history = document.querySelector<HTMLElement>("[data-history]");
    if (history) toEnd(history);
    void this.#outbox.flush();
  }

  // -- typing ------------------------------------------------------------------------------------

  #say(): void {
    if (this.#kept.tab !== "reply" || !this.#words.value.trim()) return this.#sayNoMore();
    clearTimeout(this.#typingEnds);
    this.#typingEnds = setTimeout(() => this.#sayNoMore(), TYPING_ENDS_MS);
    if (Date.now() - this.#typingSaid < TYPING_EVERY_MS) return;
    this.#typingSaid = Date.now();
    this.#tell(true);
  }

  #sayNoMore(): void {
    clearTimeout(this.#typingEnds);
    if (this.#typingSaid === 0) return;
    this.#typingSaid = 0;
    this.#tell(false);
  }

  #tell(on: boolean): void {
    call("POST", `/sessions/${this.#session}/typing`, { body: { on }, keepalive: true }).catch((error: unknown) => {
      if (!(error instanceof Refused)) throw error; // shown to nobody, then
    });
  }

  // -- files -------------------------------------------------------------------------------------

  #listenForFiles(): void {
    const input = this.form.querySelector<HTMLInputElement>("[data-file]");
    if (input === null) return;
    one(this.form, "[data-attach]").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      void this.#upload([...(input.files ?? [])]);
      input.value = "";
    });
    this.#words.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length === 0) return;
      event.preventDefault();
      void this.#upload(files);
    });
    this.form.addEventListener("dragover", (event) => event.preventDefault());
    this.form.addEventListener("drop", (event) => {
      event.preventDefault();
      void this.#upload([...(event.dataTransfer?.files ?? [])]);
    });
  }

  async #upload(files: File[]): Promise<void> {
    if (this.#words.disabled || files.length === 0) return;
    if (this.#kept.tab !== "reply") this.#choose("reply");
    const room = one(this.form, "[data-chosen]");
    for (const file of files) {
      if (this.#kept.files.length >= MOST_FILES) {
        toast(`A message takes ${MOST_FILES} files at most.`, "bad");
        return;
      }
      const item = document.createElement("li");
      item.className = "chip";
      item.dataset["coming"] = "";
      item.textContent = `${file.name}: sending…`;
      room.append(item);
      const body = new FormData();
      body.append("file", file);
      try {
        const answer = await call("POST", "/files", { body, key: newKey() });
        const { id, name, size } = answer.body as Chosen;
        this.#kept.files = [...this.#kept.files, { id, name, size }];
        this.#keep();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        toast(`${file.name}: ${error.message}`, "bad");
      } finally {
        item.remove();
        this.#drawFiles();
      }
    }
  }

  #drawFiles(): void {
    const room = one(this.form, "[data-chosen]");
    for (const old of room.querySelectorAll("li:not([data-coming])")) old.remove();
    if (this.#kept.tab !== "reply") return;
    for (const file of [...this.#kept.files].reverse()) {
      const item = document.createElement("li");
      item.className = "chip";
      const name = document.createElement("span");
      name.className = "cut";
      name.textContent = file.name;
      const remove = document.createElement("button");
      remove.type = "button";
      remove.className = "chip-close";
      remove.setAttribute("aria-label", `Remove ${file.name}`);
      remove.append(icon("close"));
      remove.addEventListener("click", () => {
        this.#kept.files = this.#kept.files.filter((one) => one.id !== file.id);
        this.#keep();
        this.#drawFiles();
      });
      item.append(icon("clip"), name, remove);
      room.prepend(item);
    }
  }
}
