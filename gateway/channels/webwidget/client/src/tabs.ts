// The tabs of one browser: who may act alone, and what they tell each other.

import { pocket } from "./pocket.ts";
import type { Message, Typing } from "./protocol.ts";
import { later, prefix } from "./realm.ts";

/** What one tab tells the others. */
export type Word =
  | ["outbox"] // entries have changed
  | ["kept", Message] // the gateway has one more
  | ["news"] // ask the gateway
  | ["alive"] // the stream is there, and tells of news
  | ["typing", Typing & { on: boolean }]
  | ["visitor"] // somebody else speaks now
  | ["shutdown"]; // everything of ours goes

const LEASE_MS = 30_000;
const LOOK_MS = 150;

// A page without TLS has no locks.
const { locks } = navigator;
const channel = new BroadcastChannel(prefix);

export function tell(...word: Word): void {
  channel.postMessage(word);
}

export function listen(heard: (...word: Word) => void): void {
  channel.onmessage = ({ data }) => heard(...(data as Word));
}

export function leave(): void {
  channel.close();
}

/** Run it while no other tab runs one of that name. */
export function alone<T>(what: string, act: () => Promise<T>): Promise<T> {
  if (!locks) return leased("lease:" + what, act);
  const name = prefix + what;
  const signal = AbortSignal.timeout(LEASE_MS);
  // Whoever has it for so long is asleep: a phone stops the tabs that nobody looks at.
  return locks.request(name, { signal }, act).catch((error: Error) => {
    if (error.name !== "TimeoutError") throw error;
    return locks.request(name, { steal: true }, act);
  }) as Promise<T>;
}

/**
 * Be the one tab that has something, for as long as `have` runs; its signal tells that it was lost,
 * and then we stand in line again. `now`: take it from whoever has it. Where there are no locks,
 * everybody has it. Returns how to let go.
 */
export function hold(what: string, now: boolean, have: (lost: AbortSignal) => Promise<void>): () => void {
  let released = false;
  let lost: AbortController;
  const queue = (steal: boolean): void => {
    const mine = (lost = new AbortController());
    if (!locks) return void have(mine.signal);
    locks
      .request(prefix + what, { steal }, () => (released ? null : have(mine.signal)))
      .catch(() => {
        mine.abort();
        if (!released) queue(false);
      });
  };
  queue(now);
  return () => {
    released = true;
    lost.abort();
  };
}

/** A lock that is a note in localStorage: written, looked at again, and worn out after a while. */
async function leased<T>(name: string, act: () => Promise<T>): Promise<T> {
  for (;;) {
    if (!(parseFloat(pocket.get(name)!) > Date.now())) {
      const mine = `${Date.now() + LEASE_MS} ${Math.random()}`;
      pocket.set(name, mine);
      await sleep(LOOK_MS * Math.random());
      if (pocket.get(name) === mine) break; // nobody was faster
    }
    await sleep(LOOK_MS);
  }
  return act().finally(() => pocket.remove(name));
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((done) => later(done, milliseconds));
}
