// The head of the dialog: who is speaking, or who will.

import { div, h } from "../dom.ts";
import type { Session } from "../protocol.ts";
import { option } from "../realm.ts";
import { t } from "../texts.ts";
import { config, person } from "../visitor.ts";
import { close, go } from "./panel.ts";
import { BACK, CLOCK, CLOSE } from "./icons.ts";
import { avatar, iconButton, nameOf, type Speaker } from "./parts.ts";

const who = div("who");
const back = iconButton(t("back"), BACK, () => go(false));
const history = iconButton(t("earlier"), CLOCK, () => go(true));
export const header = h("header", {}, back, who, history, iconButton(t("closeChat"), CLOSE, close, { class: "icon close" }));
let shown = "";

/** `elsewhere`: the earlier conversations are shown, not this one. */
export function updateHeader(session: Session | null, elsewhere: boolean): void {
  back.hidden = !elsewhere;
  history.hidden = elsewhere || person()?.level !== "verified";
  const speaker: Speaker = session?.speaker ?? { kind: "ai", name: null };
  const title = option("title") || config()?.title || t("title");
  const waiting = session?.waiting;
  const operator = speaker.kind === "operator";
  let words = operator ? title : nameOf(speaker);
  if (waiting) words = waiting.position ? t("waitingAt", waiting.position) : t("waiting");
  const now = JSON.stringify([speaker, title, words, elsewhere]);
  if (now === shown) return;
  shown = now;
  const heading = h("h2", {}, elsewhere ? t("earlier") : operator ? nameOf(speaker) : title);
  if (elsewhere) who.replaceChildren(heading);
  else who.replaceChildren(avatar(speaker), h("div", {}, heading, h("p", { role: "status" }, words)));
}
