import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import type { Entry } from "../src/outbox.ts";
import type { Message, Session } from "../src/protocol.ts";
import { timeline } from "../src/timeline.ts";

function message(id: string, kind: string, at: string, more: Partial<Message> = {}): Message {
  const author = { kind, name: kind === "operator" ? "Maya" : null, avatar_url: null };
  const rest = { client_id: null, kind: "message", text: id, content: [], attachments: [], state: "", marker: null };
  return { ...rest, id, author, occurred_at: at, ...more } as Message;
}

function entry(client_id: string, more: Partial<Entry> = {}): Entry {
  return { client_id, text: client_id, files: [], at: Date.parse("2026-11-22T12:00:00Z"), by: null, ...more };
}

const NOON = "2026-11-22T12:00:00Z";

test("each day is named once, before its first message", () => {
  const items = timeline(null, [message("a", "ai", NOON), message("b", "ai", "2026-11-23T12:00:00Z")], [], null);
  deepEqual(items.map(({ is }) => is), ["day", "bubble", "day", "bubble"]);
});

test("what one person says in a row stands together", () => {
  const said = [
    message("a", "operator", NOON),
    message("b", "operator", "2026-11-22T12:01:00Z"),
    message("c", "ai", "2026-11-22T12:02:00Z"),
    message("d", "ai", "2026-11-22T12:30:00Z"),
  ];
  const bubbles = timeline(null, said, [], null).filter(({ is }) => is === "bubble");
  deepEqual(
    bubbles.map(({ first, last }) => [first, last]),
    [[true, false], [false, true], [true, true], [true, true]],
  );
});

test("how far one's words got is told where it changes", () => {
  const own = (id: string): Message => message(id, "customer", NOON, { client_id: id });
  const session = { read_by_them: "b" } as Session;
  const failed = entry("f", { failed: "too_large" });
  const items = timeline(null, [own("a"), own("b"), own("c")], [failed, entry("e"), entry("g")], session);
  deepEqual(
    items.filter(({ is }) => is === "bubble").map(({ key, delivery }) => [key, delivery]),
    [["a", null], ["b", "read"], ["c", "sent"], ["f", "notSent"], ["e", null], ["g", "sending"]],
  );
});

test("a message keeps its key when the gateway has it, so that it is not drawn anew", () => {
  const [, before] = timeline(null, [], [entry("mine")], null);
  const [, after] = timeline(null, [message("msg_1", "customer", NOON, { client_id: "mine" })], [], null);
  equal(before!.key, after!.key);
});

test("keys are never twice", () => {
  const back = [message("a", "ai", "2026-11-23T12:00:00Z"), message("b", "ai", NOON), message("c", "ai", "2026-11-23T12:00:00Z")];
  const keys = timeline([["p", {}, ["Welcome"]]], back, [], null).map(({ key }) => key);
  equal(new Set(keys).size, keys.length);
});
