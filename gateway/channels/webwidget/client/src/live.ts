// When to ask what is new: at once when the stream rings, and every now and then without one.

import { pause } from "./backoff.ts";
import { Refused } from "./calls.ts";
import { reader } from "./events.ts";
import type { Typing } from "./protocol.ts";
import { later, V1 } from "./realm.ts";
import { tell } from "./tabs.ts";
import { ask } from "./visitor.ts";
import { interest, pull, reached, typed } from "./widget.ts";

// Heartbeats come every 15 s; a stream that is silent for longer is dead or held back by a proxy.
const SILENCE_MS = 25_000;
const WATCHING_MS = 2_000;
// Not looked at; or with a stream: a ring may get lost, and a place in the line changes without one.
const WAITING_MS = 20_000;
const SLOWEST_MS = 8_000;

let timer: ReturnType<typeof setTimeout>;
let pulling: Promise<void> | undefined;
let again = false;
let failures = 0;
let wanted = 0;
/** When the stream gave its last sign of life, here or in another tab. */
let sign = 0;
let stopped = false;

/** This tab is the one that follows the stream. */
export let following = false;

/** Ask now; rings that come while we ask become one more question. */
export function ring(): Promise<void> {
  clearTimeout(timer);
  again = !!pulling;
  pulling ??= once().finally(() => {
    pulling = undefined;
    if (again) void ring();
  });
  return pulling;
}

async function once(): Promise<void> {
  try {
    if (!stopped) await pull();
    failures = wanted = 0;
    reached(null);
  } catch (error) {
    failures++;
    wanted = error instanceof Refused ? error.wait : 0;
    reached(error as Refused);
  }
  plan();
}

/** Interest has changed: when do we ask again? */
export function plan(): void {
  clearTimeout(timer);
  const how = interest();
  if (stopped || !how) return;
  const usual = how === "watching" && !flowing() ? WATCHING_MS : WAITING_MS;
  const slowed = failures ? Math.max(wanted, pause(failures, undefined, SLOWEST_MS)) : 0;
  timer = later(ring, Math.max(usual, slowed));
}

/** A stream lives, here or in another tab: there is no need to ask all the time. */
export function heard(): void {
  const before = flowing();
  sign = Date.now();
  if (!before) void ring(); // what happened while there was none
}

function flowing(): boolean {
  return Date.now() - sign < SILENCE_MS;
}

export function stop(): void {
  stopped = true;
  clearTimeout(timer);
}

/** Follow the stream, and come back to it when it breaks, until `lost`. */
export async function follow(lost: AbortSignal): Promise<void> {
  let failures = 0;
  following = true;
  while (!lost.aborted) {
    const began = Date.now();
    await stream(lost).catch(() => null); // whatever it was: we poll meanwhile
    // One that held for a while was a good one; others come back more and more slowly.
    failures = Date.now() - began > SILENCE_MS ? 1 : failures + 1;
    sign = 0;
    if (lost.aborted) break;
    plan();
    await new Promise<void>((done) => {
      lost.onabort = () => done();
      later(done, pause(failures));
    });
  }
  following = false;
}

/** One life of the stream. Not an EventSource: that one hides the heartbeats. */
async function stream(lost: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const giveUp = (): void => stop.abort();
  lost.onabort = giveUp;
  let watchdog = later(giveUp, SILENCE_MS);
  try {
    const { ticket } = await ask<{ ticket: string }>("POST", "stream_tickets", {});
    const { signal } = stop;
    const response = await fetch(V1 + "events?ticket=" + encodeURIComponent(ticket), { signal });
    const pieces = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const read = reader(happened);
    while (response.ok) {
      const { done, value } = await pieces.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = later(giveUp, SILENCE_MS);
      heard();
      tell("alive");
      read(value);
    }
  } finally {
    clearTimeout(watchdog);
    giveUp();
  }
}

function happened(name: string, data: string): void {
  if (name === "news") {
    tell("news");
    void ring();
  }
  if (name === "typing") {
    const typing = JSON.parse(data) as Typing & { on: boolean };
    tell("typing", typing);
    typed(typing);
  }
}
