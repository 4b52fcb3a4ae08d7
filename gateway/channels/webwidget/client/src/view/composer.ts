// Where the visitor writes. What stands here is kept at every stroke, and goes only when it is in
// the outbox.

import { div, h, say as show, set } from "../dom.ts";
import { recall, remember, tab } from "../pocket.ts";
import type { Attachment } from "../protocol.ts";
import { t } from "../texts.ts";
import { config } from "../visitor.ts";
import { say, typing } from "../widget.ts";
import { addFiles, chips, clear, onChips, restore, uploaded, uploading } from "./chips.ts";
import { CLIP, SEND } from "./icons.ts";
import { log } from "./panel.ts";
import { iconButton } from "./parts.ts";

const TYPING_EVERY_MS = 3_000;
const LONGEST = 8_000;

const words = t("typeYourMessage");
const attach = iconButton(t("attach"), CLIP, () => chooser.click());
const send = iconButton(t("send"), SEND, () => null, { type: "submit", class: "icon send" });
const hint = h("p", { class: "wrong", role: "status" });
const chooser = h("input", { type: "file", multiple: true, hidden: true, change: chosen });
export const text = h("textarea", {
  rows: 1,
  "aria-label": words,
  placeholder: words,
  enterkeyhint: "send",
  dir: "auto",
  input: wrote,
  keydown(event: KeyboardEvent) {
    // Enter that ends a word in an input method sends nothing.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) void submit(event);
  },
  paste(event: ClipboardEvent) {
    if (addFiles(event.clipboardData?.files)) event.preventDefault();
  },
});
export const composer = h("form", { class: "composer", submit }, chips, div("line", attach, text, send), chooser, hint);

let toldTyping = 0;
let sending = false;

onChips(changed);

/** Put back what was not sent when the page went away. */
export function restoreDraft(): void {
  const draft = recall<{ text: string; files: Attachment[] }>("draft", tab);
  if (draft) {
    text.value = draft.text;
    restore(draft.files);
  }
}

/** What the deployment allows is known, or has changed. */
export function configureComposer(): void {
  const known = config();
  const files = known?.files;
  // Its place is kept until it is known whether it is needed: nothing moves (layout shift).
  attach.style.visibility = files ? "" : "hidden";
  attach.hidden = !!known && !files;
  set(chooser, "accept", files?.types.join());
  changed();
}

/** As high as what is in it, up to what the style sheet allows. */
export function grow(): void {
  text.style.height = "";
  text.style.height = text.scrollHeight + "px";
}

function wrote(): void {
  grow();
  changed();
  const on = !!text.value;
  if (on ? Date.now() - toldTyping < TYPING_EVERY_MS : !toldTyping) return;
  toldTyping = on ? Date.now() : 0;
  typing(on);
}

function changed(): void {
  const files = uploaded();
  const over = text.value.length - (config()?.max_text ?? LONGEST);
  show(hint, over > 0 ? t("tooLong", over) : "");
  send.disabled = over > 0 || uploading() || !(text.value.trim() || files.length);
  if (text.value || files.length) remember("draft", { text: text.value, files }, tab);
  else tab.remove("draft");
  log.follow();
}

async function submit(event: Event): Promise<void> {
  event.preventDefault();
  if (sending || send.disabled) return;
  const { value } = text;
  const files = uploaded();
  sending = true;
  await say(value.trim(), files).finally(() => (sending = false));
  // What was typed meanwhile stays.
  if (text.value.startsWith(value)) text.value = text.value.slice(value.length);
  toldTyping = 0; // who has spoken is not writing any more
  clear(files);
  grow();
  changed();
}

function chosen(): void {
  addFiles(chooser.files);
  chooser.value = "";
  text.focus();
}
