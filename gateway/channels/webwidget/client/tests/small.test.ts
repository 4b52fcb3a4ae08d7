import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { pause } from "../src/backoff.ts";
import { refusal } from "../src/calls.ts";
import { contrast, parse, textOn } from "../src/color.ts";
import { reader } from "../src/events.ts";
import { moments } from "../src/moments.ts";

test("pauses double, have an end, and differ", () => {
  deepEqual([1, 2, 3, 4].map((failures) => pause(failures, () => 1)), [1_000, 2_000, 4_000, 8_000]);
  equal(pause(1, () => 0), 500);
  equal(pause(50, () => 1), 60_000);
  equal(pause(5_000, () => 1, 8_000), 8_000);
});

test("a refusal says what to do next, whoever says it", () => {
  const busy = refusal(429, '{"error": {"code": "too_many_requests"}}', "3");
  deepEqual([busy.code, busy.wait, busy.passing], ["too_many_requests", 3_000, true]);
  const page = refusal(502, "<html>Bad gateway</html>", null);
  deepEqual([page.code, page.wait, page.passing], ["http_502", 0, true]);
  equal(refusal(403, '{"error": {"code": "origin_not_allowed"}}', null).passing, false);
  equal(refusal(503, "null", "Wed, 21 Oct 2026 07:28:00 GMT").wait, 0);
});

test("events are read however they are cut", () => {
  const text = ": hello\n\nevent: news\ndata: {}\n\nevent: typing\r\ndata: {\"on\":true}\r\n\r\n:\n\ndata: nameless\n\n";
  for (let size = 1; size < text.length; size++) {
    const happened: string[][] = [];
    const read = reader((name, data) => happened.push([name, data]));
    for (let i = 0; i < text.length; i += size) read(text.slice(i, i + size));
    deepEqual(happened, [["news", "{}"], ["typing", '{"on":true}']], `in pieces of ${size}`);
  }
});

test("colours are read in the notations of pages and browsers", () => {
  deepEqual(parse("#abc"), [170, 187, 204]);
  deepEqual(parse("#1F5EFF"), [31, 94, 255]);
  deepEqual(parse("rgb(1, 2, 3)"), [1, 2, 3]);
  deepEqual(parse("rgba(1, 2, 3, 0.5)"), [1, 2, 3]);
  equal(parse("rebeccapurple"), null);
  equal(Math.round(contrast([0, 0, 0], [255, 255, 255])), 21);
});

test("whatever colour a site takes, what stands on it can be read", () => {
  for (let number = 0; number < 1 << 24; number += 4_099) {
    const color = [number >> 16, (number >> 8) & 255, number & 255];
    ok(contrast(color, textOn(color) === "#fff" ? [255, 255, 255] : [0, 0, 0]) >= 4.5, String(color));
  }
});

test("days are named as people name them", () => {
  const noon = (day: number): string => new Date(2026, 10, day, 12).toISOString();
  const { day } = moments("en", () => new Date(2026, 10, 22, 0, 5));
  equal(day(noon(22)), "today");
  equal(day(noon(21)), "yesterday");
  equal(day(noon(20)), "Friday, November 20");
  equal(moments("de-AT", () => new Date(2026, 10, 22)).day(noon(22)), "heute");
});

test("a language that nobody knows is English", () => {
  equal(moments("no such language").size(1_500_000), "1.5 MB");
  equal(moments("en").size(1_234), "2 kB");
});
