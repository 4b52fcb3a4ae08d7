// What stands in the log, in order: days, bubbles, markers. Pure: the log only draws it.

import type { Entry } from "./outbox.ts";
import type { Content, Message, Session } from "./protocol.ts";

export type Delivery = "sending" | "sent" | "read" | "notSent";
type Shown = Pick<Message, "author" | "text" | "content" | "attachments" | "occurred_at">;

export interface Item {
  /** Stays the same from the first drawing on. */
  key: string;
  is: "day" | "bubble" | "marker";
  at: string;
  /** What is drawn; null for days. */
  message: Shown & Partial<Message> | null;
  own: boolean;
  /** First and last of what one person said in a row. */
  first: boolean;
  last: boolean;
  /** How far one's own words got; only where the next ones are not as far. */
  delivery: Delivery | null;
}

const TOGETHER_MS = 5 * 60_000;

export function timeline(
  welcome: Content | null,
  messages: readonly Message[],
  entries: readonly Entry[],
  session: Session | null,
): Item[] {
  const items: Item[] = [];
  let today = "";
  const add = (key: string, message: Item["message"] & {}, delivery: Delivery | null): void => {
    const at = message.occurred_at;
    const day = new Date(at).toDateString();
    const rest = { at, own: false, first: true, last: true, delivery: null };
    if (day !== today) items.push({ ...rest, is: "day", key: day + key, message: null });
    today = day;
    const is = message.kind === "marker" ? "marker" : "bubble";
    const own = message.author.kind === "customer";
    const item: Item = { ...rest, is, key, message, own, delivery: own ? delivery : null };
    const before = items.at(-1)!;
    if (together(before, item)) before.last = item.first = false;
    // `Sent` under each of ten lines is noise.
    if (before.delivery === item.delivery && delivery !== "notSent") before.delivery = null;
    items.push(item);
  };
  const author = { kind: "ai", name: null, avatar_url: null } as const;
  const rest = { text: "", attachments: [] };
  const began = messages[0]?.occurred_at ?? new Date().toISOString();
  if (welcome) add("welcome", { ...rest, author, content: welcome, occurred_at: began }, null);
  const readUpTo = messages.findIndex(({ id }) => id === session?.read_by_them);
  messages.forEach((message, index) => {
    add(message.client_id ?? message.id, message, index <= readUpTo ? "read" : "sent");
  });
  for (const { client_id, text, files, at, failed } of entries) {
    const occurred_at = new Date(at).toISOString();
    const said = { author: { ...author, kind: "customer" }, text, attachments: files } as const;
    add(client_id, { ...said, content: [["p", {}, [text]]], occurred_at }, failed ? "notSent" : "sending");
  }
  return items;
}

function together(one: Item, other: Item): boolean {
  const [a, b] = [one.message?.author, other.message!.author];
  const bubbles = one.is === "bubble" && other.is === "bubble";
  const apart = Date.parse(other.at) - Date.parse(one.at);
  return bubbles && a!.kind === b.kind && a!.name === b.name && apart < TOGETHER_MS;
}
