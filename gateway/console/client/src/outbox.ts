/** Words on their way: sent one after another, shown until the history has them. */

import { newKey } from "./acts.ts";
import { call, Refused } from "./api.ts";
import { changeOutbox, recall, type Outgoing } from "./kept.ts";
import { readAgain } from "./live.ts";

/** What was on its way when a page closed is sent again by itself within this time, else on demand. */
const BY_ITSELF_MS = 300_000;
const SHOWN_AFTER_MS = 4_000;

export class Outbox {
  #busy = false;

  /** `edit` puts words back to where they are written. */
  constructor(
    private readonly session: string,
    private readonly list: HTMLElement,
    private readonly edit: (words: Outgoing) => void,
  ) {
    for (const one of recall(session).outbox) {
      if (!one.problem && Date.now() - one.at > BY_ITSELF_MS) {
        this.#change(one.key, { problem: "It was not sent before the page was closed." });
      }
    }
    this.show();
    void this.flush();
  }

  /** Sends what waits, in order; what failed holds the others up until somebody decides. */
  async flush(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (;;) {
        const [next] = recall(this.session).outbox;
        if (next === undefined || next.problem) return;
        await this.#send(next);
        this.show();
      }
    } finally {
      this.#busy = false;
    }
  }

  async #send(words: Outgoing): Promise<void> {
    const isDraft = words.draft !== null && words.kind === "reply" && words.files.length === 0;
    const path = isDraft ? `drafts/${words.draft}/send` : words.kind === "note" ? "notes" : "messages";
    const body = words.files.length > 0 ? { text: words.text, files: words.files.map((one) => one.id) } : { text: words.text };
    try {
      const answer = await call("POST", `/sessions/${this.session}/${path}`, { key: words.key, body });
      this.#told(words.key, (answer.body as { id?: string } | null)?.id ?? "");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const passing = error.status === 0 || error.status >= 500 || error.status === 429 || error.status === 401;
      this.#change(words.key, { problem: error.message, final: !passing });
    }
  }

  /** The gateway has them: they stay in sight until the history shows them. */
  #told(key: string, message: string): void {
    const shown = this.#item(key);
    if (shown) {
      shown.removeAttribute("data-key");
      shown.dataset["told"] = message;
      const end = (): void => shown.remove();
      const seen = new MutationObserver(() => {
        if (message && document.getElementById(message)) {
          seen.disconnect();
          end();
        }
      });
      seen.observe(document.body, { childList: true, subtree: true });
      setTimeout(() => (seen.disconnect(), end()), SHOWN_AFTER_MS);
    }
    changeOutbox(this.session, (outbox) => outbox.filter((one) => one.key !== key));
    readAgain();
  }

  #change(key: string, change: Partial<Outgoing>): void {
    changeOutbox(this.session, (outbox) => outbox.map((one) => (one.key === key ? { ...one, ...change } : one)));
  }

  #item(key: string): HTMLElement | null {
    return this.list.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
  }

  /** Shows what is kept. */
  show(): void {
    const { outbox } = recall(this.session);
    const keys = new Set(outbox.map((one) => one.key));
    for (const item of this.list.querySelectorAll<HTMLElement>("[data-key]")) {
      if (!keys.has(item.dataset["key"] ?? "")) item.remove();
    }
    for (const one of outbox) {
      const item = this.#drawn(one);
      const before = this.#item(one.key);
      if (before) before.replaceWith(item);
      else this.list.append(item);
    }
  }

  #drawn(words: Outgoing): HTMLElement {
    const item = document.createElement("li");
    item.className = `line line-ours ${words.kind === "note" ? "line-note" : "line-operator"}`;
    item.dataset["key"] = words.key;
    const body = document.createElement("div");
    body.className = "line-body";
    if (words.text) {
      const bubble = document.createElement("div");
      bubble.className = "bubble";
      bubble.dir = "auto";
      bubble.textContent = words.text;
      body.append(bubble);
    }
    const foot = document.createElement("p");
    foot.className = "line-foot";
    const files = words.files.map((one) => one.name).join(", ");
    if (files) foot.append(text("span", files));
    if (!words.problem) {
      foot.append(text("span", "Sending…"));
    } else {
      const problem = text("span", `Not sent: ${words.problem}`);
      problem.className = "bad";
      foot.append(
        problem,
        button("Retry", () => this.#retry(words)),
        button("Edit", () => this.#take(words, true)),
        button("Discard", () => this.#take(words, false)),
      );
    }
    body.append(foot);
    item.append(body);
    return item;
  }

  #retry(words: Outgoing): void {
    this.#change(words.key, {
      problem: "",
      at: Date.now(),
      // What may have arrived is asked for under its key; what was refused is another attempt.
      key: words.final ? newKey() : words.key,
      final: false,
    });
    this.show();
    void this.flush();
  }

  #take(words: Outgoing, back: boolean): void {
    changeOutbox(this.session, (outbox) => outbox.filter((one) => one.key !== words.key));
    if (back) this.edit(words);
    this.show();
    void this.flush();
  }
}

function text(tag: "span", words: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = words;
  return made;
}

function button(words: string, done: () => void): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "button button-small";
  made.textContent = words;
  made.addEventListener("click", done);
  return made;
}
