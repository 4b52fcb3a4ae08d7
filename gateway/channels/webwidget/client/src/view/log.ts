// The log: what was said, drawn once each and changed in place, so that a screen reader hears every
// new message once and nothing else.

import { render } from "../content.ts";
import { div, h, set } from "../dom.ts";
import type { Typing } from "../protocol.ts";
import { later } from "../realm.ts";
import { t, type TextKey } from "../texts.ts";
import type { Item } from "../timeline.ts";
import { attachment } from "./attachments.ts";
import { DOWN } from "./icons.ts";
import { avatar, button, day, iconButton, nameOf, time } from "./parts.ts";

const NEAR_PX = 80;
// Screen readers take what appears with a region for news; after this it is only old.
const SETTLED_MS = 600;
const OFF = { "aria-live": "off" };

export interface Acts {
  retry(client_id: string): void;
  discard(client_id: string): void;
  older(): Promise<void>;
}

export interface Log {
  element: HTMLElement;
  /** What can be scrolled, and has the focus for that. */
  box: HTMLElement;
  /** Say nothing of what is drawn now: it is history. */
  hush(): void;
  update(items: readonly Item[], typing: readonly Typing[], more: boolean): void;
  /** What surrounds it has changed: keep the end in sight. */
  follow(): void;
  toEnd(): void;
}

/** `below` stands under the talk: quick replies, the rating. */
export function createLog(acts: Acts, ...below: HTMLElement[]): Log {
  let drawn = new Map<string, { row: HTMLElement; of: string }>();
  let quiet: ReturnType<typeof setTimeout>;
  let typists = "";
  /** The end is in sight, and stays there: until the visitor scrolls away. */
  let atEnd = true;

  const items = div("items");
  const typing = h("div", OFF);
  const older = button(t("older"), showOlder, "plain");
  const down = iconButton(t("newest"), DOWN, toEnd, { class: "icon down" });
  const box = h(
    "div",
    { class: "log", role: "log", "aria-label": t("messages"), tabindex: 0, scroll: scrolled },
    older,
    items,
    typing,
    ...below,
  );
  // Pictures come later, and push what was in sight out of it.
  box.addEventListener("load", follow, true);

  function hush(): void {
    set(box, "aria-live", "off");
    clearTimeout(quiet);
    quiet = later(() => set(box, "aria-live", "polite"), SETTLED_MS);
  }

  function scrolled(): void {
    atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
    if (atEnd) down.hidden = true;
  }

  function follow(): void {
    if (atEnd) toEnd();
  }

  function toEnd(): void {
    box.scrollTop = box.scrollHeight;
    scrolled();
  }

  async function showOlder(): Promise<void> {
    const { scrollHeight, scrollTop } = box;
    hush();
    await acts.older().catch(() => null); // the button is still there
    // What was in sight stays in sight.
    box.scrollTop = box.scrollHeight - scrollHeight + scrollTop;
    if (older.hidden) box.focus();
  }

  function update(shown: readonly Item[], who: readonly Typing[], more: boolean): void {
    let fresh = false;
    const before = drawn;
    const keys = new Set(shown.map(({ key }) => key));
    for (const [key, { row }] of before) if (!keys.has(key)) row.remove();
    drawn = new Map();
    let place = items.firstChild;
    for (const item of shown) {
      const of = JSON.stringify(item.message);
      let row = before.get(item.key)?.row;
      if (!row) {
        fresh = true;
        atEnd ||= item.own;
      }
      if (!row || before.get(item.key)!.of !== of) {
        const old = row;
        row = draw(item);
        if (old === place && old) place = old.nextSibling;
        old?.remove();
      }
      refresh(row, item);
      if (row === place) place = row.nextSibling;
      else items.insertBefore(row, place);
      drawn.set(item.key, { row, of });
    }
    older.hidden = !more;
    showTyping(who);
    follow();
    if (!atEnd && fresh) down.hidden = false;
  }

  /** What changes about a message without its being another one. */
  function refresh(row: HTMLElement, { key, is, at, first, last, delivery }: Item): void {
    if (is !== "bubble") return;
    row.classList.toggle("first", first);
    row.classList.toggle("last", last);
    set(row, "data-state", delivery);
    const meta = row.querySelector(".meta")!;
    const words = [last && key !== "welcome" && time(at), delivery && t(delivery)].filter(Boolean).join(" · ");
    if (meta.firstChild?.textContent === words) return;
    meta.replaceChildren(words);
    if (delivery === "notSent") {
      meta.append(button(t("retry"), () => acts.retry(key)), button(t("delete"), () => acts.discard(key)));
    }
  }

  function showTyping(who: readonly Typing[]): void {
    const words = who.map((one) => t("typing", nameOf(one))).join(" ");
    if (words === typists) return;
    typists = words;
    const dots = div("bubble dots", h("i"), h("i"), h("i"));
    typing.replaceChildren(...(words ? [div("row last", avatar(who[0]!), dots, div("unseen", words))] : []));
  }

  hush();
  toEnd();
  return { element: div("talk", box, down), box, hush, update, follow, toEnd };
}

function draw({ is, at, own, message }: Item): HTMLElement {
  if (!message) return h("div", { class: "day", ...OFF }, day(at));
  if (is === "marker") {
    const { marker, text } = message;
    const kind = marker!.kind;
    const name = nameOf({ kind: kind === "returned" ? "ai" : "", name: marker!.name });
    const key = ({ handover: "handover", joined: "joined", returned: "joined", finished: "finished" } as const)[kind];
    return div("marker", key ? t(key as TextKey, name) : text, h("time", {}, time(at)));
  }
  const bubble = h("div", { class: "bubble", dir: "auto" }, ...render(message.content));
  // A message whose tree is empty still has its words; one that was taken back has none.
  if (!bubble.firstChild) bubble.append(message.text || (message.redacted ? "—" : ""));
  return h(
    "div",
    { class: own ? "row own" : "row", "aria-live": own && "off" },
    !own && avatar(message.author),
    div(
      "said",
      div("by", nameOf(message.author)),
      bubble.textContent || bubble.querySelector("img") ? bubble : null,
      ...message.attachments.map(attachment),
      h("div", { class: "meta", ...OFF }),
    ),
  );
}
