/** Short words over the page: what was done, or why not. */

import { icon } from "./page.ts";

const SHOWN_MS = 6_000;
const NEXT = "gateway-toast";

export function toast(text: string, kind: "" | "bad" = ""): void {
  const room = document.getElementById("toasts");
  if (room === null) return;
  place(room);
  const box = document.createElement("div");
  box.className = kind === "bad" ? "toast toast-bad" : "toast";
  const words = document.createElement("span");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.setAttribute("aria-label", "Dismiss");
  close.append(icon("close"));
  close.addEventListener("click", () => box.remove());
  box.append(words, close);
  room.append(box);
  while (room.children.length > 3) room.firstElementChild?.remove();
  // What is being read stays: a pointer on it, or the keyboard in it.
  const end = (): void => {
    if (box.matches(":hover, :focus-within")) setTimeout(end, 1_000);
    else box.remove();
  };
  setTimeout(end, kind === "bad" ? 2 * SHOWN_MS : SHOWN_MS);
}

/** At the foot of the page; where there is a chat over its earliest words in sight, so that neither
 * the newest ones nor what one writes or presses is covered. */
function place(room: HTMLElement): void {
  const chat = document.querySelector("[data-scroll]")?.getBoundingClientRect();
  const inSight = chat !== undefined && chat.width > 0 && chat.top >= 0 && chat.top < innerHeight / 2;
  room.classList.toggle("toasts-over", inSight);
  if (!inSight) return;
  room.style.setProperty("--over-top", `${chat.top}px`);
  room.style.setProperty("--over-left", `${chat.left}px`);
  room.style.setProperty("--over-width", `${chat.width}px`);
}

/** Says it on the page that comes next. */
export function toastNext(text: string): void {
  sessionStorage.setItem(NEXT, text);
}

export function installToasts(): void {
  const text = sessionStorage.getItem(NEXT);
  if (text === null) return;
  sessionStorage.removeItem(NEXT);
  toast(text);
}
