// The dialog: opened and closed, out of the keyboard's way, in the site's colours.

import { div, h, say, set } from "../dom.ts";
import { bridge, host, lang, launcher, option, page, root, visible } from "../realm.ts";
import sheet from "../style.css";
import { t } from "../texts.ts";
import { config } from "../visitor.ts";
import { decide, draw, older, say as speak, toggled, touched } from "../widget.ts";
import { addFiles } from "./chips.ts";
import { composer, grow, text } from "./composer.ts";
import { earlier, openEarlier } from "./earlier.ts";
import { ending } from "./ending.ts";
import { header } from "./header.ts";
import { createLog, type Log } from "./log.ts";
import { button } from "./parts.ts";

type Rgb = readonly number[];

// What others' words stand on (`--soft`), which is the harder ground in both.
const SURFACES = { light: [241, 243, 247], dark: [39, 43, 51] };
const READABLE = 4.5;
// Where the dialog fills the window; the style sheet says the same.
const NARROW = "(max-width: 480px), (max-height: 480px)";

const quick = div("quick");
const notice = h("p", { class: "notice", role: "status" });
const main = div("main");
const dialog = h("dialog", { "aria-label": t("chat"), tabindex: -1, close: closed });
/** Says what happens while the dialog is closed, to those who do not see the badge. */
const status = h("div", { class: "unseen", role: "status" });
const frame = h(
  "div",
  { class: "gw", dir: host.style.direction, lang, "data-theme": option("theme"), "data-side": option("position") },
  dialog,
  status,
);
const name = launcher.getAttribute("aria-label");
let title = "";

export let log: Log;
export let opened = false;
export let elsewhere = false;

/** Be in the page. Views know each other, so they are put together when all of them are there. */
export function appear(): void {
  const acts = { retry: (id: string) => decide(id, true), discard: (id: string) => decide(id, false), older };
  log = createLog(acts, quick, ending);
  main.append(log.element, composer);
  const styles = new page.CSSStyleSheet();
  styles.replaceSync(sheet);
  // The loader's comes first; an app that had to begin again replaces what the last one drew.
  root.adoptedStyleSheets = [root.adoptedStyleSheets[0]!, styles];
  for (const old of [...root.querySelectorAll(".gw")]) old.remove();
  dialog.append(header, notice, main, earlier);
  root.prepend(frame);
  // What is typed here is not for the page's shortcuts.
  for (const type of ["keydown", "keypress", "keyup", "input", "change", "paste"]) {
    frame.addEventListener(type, (event) => event.stopPropagation());
  }
  for (const type of ["keydown", "pointerdown"]) dialog.addEventListener(type, touched);
  dialog.onkeydown = (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.preventDefault();
    close();
  };
  dialog.ondragover = (event) => event.preventDefault();
  dialog.ondrop = (event) => {
    const files = event.dataTransfer?.files;
    if (!files?.length) return; // words, for the field
    event.preventDefault();
    addFiles(files);
  };
  page.visualViewport?.addEventListener("resize", fit);
  page.visualViewport?.addEventListener("scroll", fit);
}

export function disappear(): void {
  close();
  page.visualViewport?.removeEventListener("resize", fit);
  page.visualViewport?.removeEventListener("scroll", fit);
  showUnread(0);
  frame.remove();
}

/** Does the dialog fill the window? */
export function narrow(): boolean {
  return page.matchMedia(NARROW).matches;
}

/** Show the dialog; `focus`: somebody asked for it just now. */
export function open(focus: boolean): void {
  if (!opened) {
    opened = true;
    log.hush();
    if (!focus) dialog.open = true;
    else if (narrow()) dialog.showModal();
    else dialog.show();
    showState();
    fit();
    grow();
    log.toEnd();
    toggled(true);
  }
  // A keyboard that jumps up by itself hides what was said: on a phone the dialog has the focus.
  if (focus) (page.matchMedia("(pointer: coarse)").matches ? dialog : text).focus();
}

export function close(): void {
  if (!opened) return;
  const inside = dialog.contains(root.activeElement);
  opened = false;
  dialog.close();
  showState();
  if (inside) launcher.focus();
  if (elsewhere) go(false);
  toggled(false);
}

/** The browser has closed it (a phone's back gesture). Told late: it may be open again. */
function closed(): void {
  if (!dialog.open) close();
}

/** Show the earlier conversations, or the present one. */
export function go(away: boolean): void {
  elsewhere = away;
  main.hidden = away;
  earlier.hidden = !away;
  draw();
  if (away) openEarlier();
  else if (opened) text.focus();
}

/** Show how much was not read: on the launcher, and in the title of a page nobody looks at. */
export function showUnread(count: number): void {
  const words = count && !opened ? `${t("newest")} (${count})` : "";
  // The badge is drawn by the style sheet: as text it would have to be in the button's name.
  set(launcher, "data-unread", words ? count : null);
  set(launcher, "aria-description", words || null);
  say(status, words);
  showTitle(visible() ? 0 : count);
}

export function showNotice(words: string): void {
  say(notice, words);
}

export function showQuickReplies(replies: readonly string[]): void {
  if (replies.length === quick.childElementCount) return;
  quick.replaceChildren(...replies.map((reply) => button(reply, () => speak(reply, []), "plain")));
}

/** In the site's colour, wherever it can be read. */
export function paint(): void {
  const color = option("color") || config()?.color;
  if (color) bridge.paint(color);
  const read = bridge.parse(page.getComputedStyle(launcher).backgroundColor);
  if (!read) return;
  const fill = [0, 1, 2].map((index) => read[index]!); // a list of ours: the page's has its methods
  for (const [theme, surface] of Object.entries(SURFACES)) {
    // As text on the surface the colour is mixed with black or white until it can be read.
    const towards = theme === "light" ? 0 : 255;
    let ink: Rgb = fill;
    for (let part = 0.1; part < 1 && bridge.contrast(ink, surface) < READABLE; part += 0.1) {
      ink = fill.map((channel) => Math.round(channel + (towards - channel) * part));
    }
    host.style.setProperty("--ink-" + theme, `rgb(${ink})`);
  }
}

function showState(): void {
  set(launcher, "aria-expanded", String(opened));
  set(launcher, "aria-label", opened ? t("closeChat") : name);
  set(host, "data-open", opened);
}

function showTitle(count: number): void {
  const doc = page.document;
  if (title && doc.title.startsWith(title)) doc.title = doc.title.slice(title.length);
  title = count ? `(${count}) ` : "";
  if (title) doc.title = title + doc.title;
}

/** Above a phone's keyboard, not under it. */
function fit(): void {
  const view = page.visualViewport;
  // Who has zoomed in wants to look closely, not to have the dialog follow.
  if (!opened || !view || view.scale > 1.01) return;
  dialog.style.setProperty("--view", view.height + "px");
  dialog.style.setProperty("--top", view.offsetTop + "px");
  log.follow();
}
