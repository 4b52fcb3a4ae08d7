// What the visitor said and the gateway does not have yet: kept on disk, sent in order, once.

import { pause } from "./backoff.ts";
import type { Refused } from "./calls.ts";
import type { Attachment, Message, Visitor } from "./protocol.ts";

type Speaker = Pick<Visitor, "id" | "level">;

/** One message on its way. */
export interface Entry {
  client_id: string;
  text: string;
  files: Attachment[];
  /** Orders the entries, over all tabs; ms, about the time at which it was said. */
  at: number;
  /** Who said it; null: whoever gets the next session. */
  by: Speaker | null;
  /** The gateway does not want it, and this is why: only the visitor can decide. */
  failed?: string | undefined;
}

/** Where entries are kept. `put` replaces by `client_id`, and is done when it is on disk. */
export interface Shelf {
  all(): Promise<Entry[]>;
  put(entry: Entry): Promise<void>;
  remove(client_id: string): Promise<void>;
}

export interface Around {
  shelf: Shelf;
  /** Send one. Throws `Refused`. */
  post(entry: Entry): Promise<Message>;
  /** Who speaks now; there is a session afterwards. Throws `Refused`. */
  who(): Promise<Speaker>;
  /** Run it while no other tab runs one. */
  alone(act: () => Promise<void>): Promise<void>;
  /** The gateway has it. */
  arrived(message: Message): void;
  changed(): void;
  /** Milliseconds, and a timer that can be cancelled: tests move them. */
  now(): number;
  later(act: () => void, after: number): () => void;
  random?(): number;
}

export interface Outbox {
  entries(): readonly Entry[];
  /** Read what is kept: at the start, and when another tab has changed it. */
  load(): Promise<void>;
  /** Keep a message, then send it. When this is done it is on disk, and may go elsewhere. */
  add(client_id: string, text: string, files: Attachment[], by: Speaker | null): Promise<void>;
  retry(client_id: string): Promise<void>;
  discard(client_id: string): Promise<void>;
  /** Try now: something was added, or the world looks better (online, visible again). */
  wake(): void;
  stop(): void;
}

export function createOutbox(around: Around): Outbox {
  const { shelf } = around;
  let entries: Entry[] = [];
  let failures = 0;
  let flushing = false;
  let again = false;
  let stopped = false;
  let notBefore = 0;
  let cancel: (() => void) | undefined;

  async function load(): Promise<void> {
    const before = new Set(entries.map(({ client_id }) => client_id));
    const kept = await shelf.all();
    // What was said while we read may not have been on the shelf yet.
    for (const { client_id } of kept) before.add(client_id);
    entries = [...kept, ...entries.filter(({ client_id }) => !before.has(client_id))];
    entries.sort((one, other) => one.at - other.at);
    around.changed();
  }

  async function add(client_id: string, text: string, files: Attachment[], by: Speaker | null): Promise<void> {
    // A clock that was set back does not turn the order round.
    const at = Math.max(around.now(), (entries.at(-1)?.at ?? 0) + 1);
    const entry = { client_id, text, files, at, by };
    entries = [...entries, entry];
    await shelf.put(entry);
    around.changed();
    wake();
  }

  async function retry(client_id: string): Promise<void> {
    for (const { failed, ...entry } of entries) if (entry.client_id === client_id) await shelf.put(entry);
    await load();
    wake();
  }

  async function discard(client_id: string): Promise<void> {
    await shelf.remove(client_id);
    await load();
  }

  function wake(): void {
    cancel?.();
    if (stopped) return;
    const early = notBefore - around.now();
    if (early > 0) cancel = around.later(wake, early);
    else if (flushing) again = true;
    else void flush();
  }

  async function flush(): Promise<void> {
    flushing = true;
    again = false;
    try {
      if ((await shelf.all()).some(isWaiting)) await around.alone(sendAll);
    } catch (error) {
      const { wait } = error as Refused;
      // Only the gateway's own word keeps a wake-up from trying: a cable that is in again need not wait.
      if (wait) notBefore = around.now() + wait;
      cancel?.();
      if (!stopped) cancel = around.later(wake, Math.max(wait || 0, pause(++failures, around.random)));
    }
    flushing = false;
    if (again) wake();
  }

  /** Send one after the other; throws at the first that may yet succeed. */
  async function sendAll(): Promise<void> {
    for (;;) {
      const who = await around.who();
      await load();
      const next = entries.find(isWaiting);
      if (!next || stopped) return;
      // Not to be said, nor seen, by somebody else.
      if (isStrangers(next, who)) await shelf.remove(next.client_id);
      else {
        try {
          around.arrived(await around.post(next));
          failures = 0;
          await shelf.remove(next.client_id);
        } catch (error) {
          const { passing, status, code } = error as Refused;
          if (passing || status === 401 || !code) throw error;
          await shelf.put({ ...next, failed: code });
        }
      }
    }
  }

  return {
    entries: () => entries,
    load,
    add,
    retry,
    discard,
    wake,
    stop() {
      stopped = true;
      cancel?.();
    },
  };
}

function isWaiting({ failed }: Entry): boolean {
  return !failed;
}

/** Said by somebody who had proved who they are, and who is not the one who speaks now. */
export function isStrangers({ by }: Entry, who: Speaker | null): boolean {
  return by?.level === "verified" && by.id !== who?.id;
}
