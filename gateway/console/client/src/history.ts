/**
 * The chat of a session (`parts/history.html`): stays at its end while its reader is there, says how
 * many lines came while they read further up, shows earlier lines, and who types.
 *
 * What scrolls is the nearest `data-scroll`. Typing is forgotten after a while by itself.
 */

import type { GatewayEvent } from "./live.ts";
import { me } from "./page.ts";

const NEAR_PX = 96;
const AHEAD_PX = 800;
const TYPING_MS = 8_000;

export function installHistory(): void {
  for (const history of document.querySelectorAll<HTMLElement>("[data-history]")) follow(history);
  document.addEventListener("click", (event) => {
    const from = event.target instanceof Element ? event.target : null;
    const button = from?.closest<HTMLButtonElement>("[data-earlier]");
    if (button) void showEarlier(button);
  });
}

function scroller(history: HTMLElement): HTMLElement {
  return history.closest<HTMLElement>("[data-scroll]") ?? document.documentElement;
}

function isAtEnd(box: HTMLElement): boolean {
  return box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
}

/** Scrolls to the newest line. */
export function toEnd(history: HTMLElement): void {
  const box = scroller(history);
  box.scrollTop = box.scrollHeight;
}

function follow(history: HTMLElement): void {
  const box = scroller(history);
  const session = history.dataset["history"] ?? "";
  const pill = newLines(history);
  toEnd(history);
  let atEnd = true;
  let top = box.scrollTop;
  let newest = lastLine(history)?.id;
  const onScroll = (): void => {
    // Whoever scrolls up leaves the end; what grows below it does not.
    if (isAtEnd(box)) atEnd = true;
    else if (box.scrollTop < top) atEnd = false;
    top = box.scrollTop;
    if (atEnd) pill.hidden = true;
  };
  (box === document.documentElement ? document : box).addEventListener("scroll", onScroll, { passive: true });
  // Pictures and fonts come later, panes are made larger: the end stays the end.
  const resized = new ResizeObserver(() => atEnd && toEnd(history));
  resized.observe(history);
  if (box !== document.documentElement) resized.observe(box);
  new MutationObserver(() => {
    const last = lastLine(history);
    if (last === null || last.id === newest) return;
    newest = last.id;
    if (atEnd) toEnd(history);
    else pill.hidden = false;
  }).observe(history, { childList: true, subtree: true });
  showTyping(history, session, () => atEnd && toEnd(history));
  extend(history, box);
}

/** Earlier lines come before their reader is at the first one; the button is for the keyboard. */
function extend(history: HTMLElement, box: HTMLElement): void {
  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const button = entry.target.querySelector<HTMLButtonElement>("[data-earlier]");
        if (entry.isIntersecting && button) void showEarlier(button);
      }
    },
    { root: box === document.documentElement ? null : box, rootMargin: `${AHEAD_PX}px 0px 0px 0px` },
  );
  const watch = (): void => {
    const more = history.querySelector(".history-more");
    if (more !== null) seen.observe(more);
  };
  new MutationObserver(watch).observe(history, { childList: true });
  watch();
}

function lastLine(history: HTMLElement): Element | null {
  return history.querySelector("ol[data-live] > :last-child");
}

function newLines(history: HTMLElement): HTMLButtonElement {
  const pill = document.createElement("button");
  pill.type = "button";
  pill.className = "button button-small history-new";
  pill.textContent = "New messages";
  pill.hidden = true;
  pill.addEventListener("click", () => {
    toEnd(history);
    pill.hidden = true;
  });
  history.append(pill);
  return pill;
}

async function showEarlier(button: HTMLButtonElement): Promise<void> {
  const room = button.closest(".history-more");
  const history = button.closest<HTMLElement>("[data-history]");
  if (room === null || history === null || button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(button.dataset["earlier"] ?? "", { headers: { "HX-Request": "true" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const box = scroller(history);
    const focused = document.activeElement === button;
    const [first] = page.body.children;
    const stay = holding(box, room.nextElementSibling);
    room.replaceWith(...page.body.children);
    stay();
    if (focused) first?.querySelector<HTMLElement>("[data-earlier]")?.focus({ preventScroll: true });
  } catch {
    // The gateway is away, as the page says by itself: the button stays.
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** Keeps an element where it is on the screen, while what has come above it gets its real height. */
function holding(box: HTMLElement, element: Element | null): () => void {
  const line = element?.firstElementChild ?? element;
  if (line === null || line === undefined) return () => undefined;
  const top = line.getBoundingClientRect().top;
  let frames = 3;
  const stay = (): void => {
    const moved = line.getBoundingClientRect().top - top;
    if (Math.abs(moved) >= 1) box.scrollTop += moved;
    frames -= 1;
    if (frames > 0) requestAnimationFrame(stay);
  };
  return stay;
}

function showTyping(history: HTMLElement, session: string, changed: () => void): void {
  const words = history.querySelector<HTMLElement>("[data-typing]");
  if (words === null) return;
  const typing = new Map<string, { name: string; end: ReturnType<typeof setTimeout> }>();
  const show = (): void => {
    const names = [...typing.values()].map((one) => one.name);
    words.textContent =
      names.length === 0 ? "" : `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} typing…`;
    words.hidden = names.length === 0;
    changed();
  };
  const forget = (key: string): void => {
    clearTimeout(typing.get(key)?.end);
    if (typing.delete(key)) show();
  };
  document.addEventListener("gateway:session.typing", (event) => {
    const data = (event as CustomEvent<GatewayEvent>).detail.data ?? {};
    const by = data["by"] as { kind: string; id: string | null; name: string | null };
    if (data["session_id"] !== session || (by.id !== null && by.id === me?.id)) return;
    const key = by.kind + (by.id ?? "");
    if (data["on"] !== true) return forget(key);
    clearTimeout(typing.get(key)?.end);
    const name = by.name ?? (by.kind === "customer" ? "The customer" : "Somebody");
    typing.set(key, { name, end: setTimeout(() => forget(key), TYPING_MS) });
    show();
  });
  // Whoever has said it does not write it any more.
  document.addEventListener("gateway:message.created", (event) => {
    const data = (event as CustomEvent<GatewayEvent>).detail.data ?? {};
    const message = data["message"] as { author?: { kind: string; id: string | null } } | undefined;
    if ((data["session"] as { id?: string } | undefined)?.id !== session || !message?.author) return;
    const { kind, id } = message.author;
    forget(kind === "customer" ? [...typing.keys()].find((key) => key.startsWith("customer")) ?? "" : kind + (id ?? ""));
  });
}
