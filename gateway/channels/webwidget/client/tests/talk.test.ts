import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import type { Message, News } from "../src/protocol.ts";
import { keep, merge, NOTHING, withOlder, type Talk } from "../src/talk.ts";

function message(id: string, text = id): Message {
  return { id, text, client_id: null, author: { kind: "ai", name: null, avatar_url: null } } as unknown as Message;
}

function news(cursor: string, messages: Message[], more: Partial<News> = {}): News {
  return { cursor, reset: false, session: null, messages, typing: [], unread: 0, ...more };
}

function shown({ messages, kept }: Talk): string[] {
  return [...messages, ...kept].map(({ text }) => text);
}

test("the first answer is all there is", () => {
  const talk = merge(NOTHING, news("1", [message("a"), message("b")], { earlier: true }));
  deepEqual(shown(talk), ["a", "b"]);
  equal(talk.earlier, true);
  equal(talk.cursor, "1");
});

test("new ones come behind, known ones are replaced where they stand", () => {
  const before = merge(NOTHING, news("1", [message("a"), message("b")], { earlier: true }));
  const talk = merge(before, news("2", [message("a", "a, redacted"), message("c")], { unread: 1 }));
  deepEqual(shown(talk), ["a, redacted", "b", "c"]);
  equal(talk.earlier, true, "an answer since a cursor says nothing of what is older");
  equal(talk.unread, 1);
});

test("the same answer twice changes nothing", () => {
  const before = merge(NOTHING, news("1", [message("a")]));
  const once = merge(before, news("2", [message("b")]));
  deepEqual(merge(once, news("2", [message("b")])), once);
});

test("reset: what was shown is forgotten", () => {
  const before = merge(NOTHING, news("1", [message("a"), message("b")]));
  deepEqual(shown(merge(before, news("9", [message("c")], { reset: true }))), ["c"]);
});

test("one's own words stand last until the gateway tells where they belong", () => {
  let talk = merge(NOTHING, news("1", [message("a")]));
  talk = keep(talk, message("mine"));
  talk = keep(talk, message("mine"));
  deepEqual(shown(talk), ["a", "mine"]);
  talk = merge(talk, news("2", [message("said before mine")]));
  deepEqual(shown(talk), ["a", "said before mine", "mine"]);
  talk = merge(talk, news("3", [message("mine")]));
  deepEqual(shown(talk), ["a", "said before mine", "mine"]);
  equal(talk.kept.length, 0);
  equal(keep(talk, message("mine")).kept.length, 0, "told already");
});

test("older ones come before, once", () => {
  const before = merge(NOTHING, news("1", [message("c")], { earlier: true }));
  const talk = withOlder(before, news("", [message("a"), message("b"), message("c")]));
  deepEqual(shown(talk), ["a", "b", "c"]);
  equal(talk.earlier, false);
  equal(talk.cursor, "1", "the cursor stays");
});
