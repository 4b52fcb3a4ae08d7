/** Times that are told from now (`data-ago`) stay true while the page is open. */

import { now, timeZone } from "./page.ts";

const EVERY_MS = 20_000;

export function installTimes(): void {
  setInterval(() => {
    for (const time of document.querySelectorAll<HTMLTimeElement>("time[data-ago]")) tell(time);
  }, EVERY_MS);
}

function tell(time: HTMLTimeElement): void {
  const text = ago(new Date(time.dateTime), new Date(now()));
  if (time.textContent !== text) time.textContent = text;
}

/** As the server says it (`words.py`). */
export function ago(at: Date, now: Date): string {
  const seconds = (now.getTime() - at.getTime()) / 1_000;
  if (seconds < 60) return "just now";
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  return moment(at);
}

const parts = new Intl.DateTimeFormat("en-GB", {
  timeZone, day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hour12: false,
});

/** `22 Nov 2026, 16:08`, in the workspace's zone. */
export function moment(at: Date): string {
  const by = Object.fromEntries(parts.formatToParts(at).map((part) => [part.type, part.value]));
  return `${by["day"]} ${(by["month"] ?? "").slice(0, 3)} ${by["year"]}, ${by["hour"]}:${by["minute"]}`;
}
