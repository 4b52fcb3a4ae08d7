// The rating and a new beginning: what stands under a talk that is over.

import { div, h, icon, say } from "../dom.ts";
import type { Session } from "../protocol.ts";
import { t } from "../texts.ts";
import { config } from "../visitor.ts";
import { rate, startNew } from "../widget.ts";
import { STAR } from "./icons.ts";
import { log } from "./panel.ts";
import { button } from "./parts.ts";

export const ending = h("div", { class: "ending", "aria-live": "off" });
let shown = "";

export function updateEnding(session: Session | null): void {
  const over = session?.status === "finished";
  const now = over ? session.id + session.rating?.score + config()?.rating : "";
  if (now === shown) return;
  shown = now;
  ending.replaceChildren();
  if (!over) return;
  if (session.rating) ending.append(h("p", { role: "status" }, t("thanks")));
  else if (config()?.rating) ending.append(form(session.id));
  ending.append(button(t("startNew"), startNew, "primary"));
}

function form(session: string): HTMLElement {
  const star = (score: number): HTMLElement =>
    h("label", {}, h("input", { type: "radio", name: "score", value: score, "aria-label": score + "/5" }), icon(STAR));
  const words = t("comment");
  const comment = h("textarea", { rows: 2, maxlength: 2000, placeholder: words, "aria-label": words });
  const wrong = h("p", { class: "wrong", role: "alert" });
  const more = div("more", comment, h("button", { class: "plain" }, t("submit")), wrong);
  more.hidden = true;
  const stars = div("stars", ...[1, 2, 3, 4, 5].map(star));
  const submit = (event: Event): void => {
    event.preventDefault();
    const score = Number(stars.querySelector<HTMLInputElement>(":checked")!.value);
    rate(session, score, comment.value.trim()).catch(() => say(wrong, t("failed")));
  };
  const change = (): void => {
    more.hidden = false;
    log.follow();
  };
  return h("form", { submit, change }, h("fieldset", {}, h("legend", {}, t("rate")), stars), more);
}
