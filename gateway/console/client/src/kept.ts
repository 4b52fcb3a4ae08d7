/**
 * What somebody has written and the gateway does not have yet, by session: kept in this browser
 * with every letter, so that no reload, crash or failed call loses it. It belongs to whoever has
 * signed in, and is taken away only once the gateway has it.
 */

import { me } from "./page.ts";

export type Kind = "reply" | "note";

/** A file that was uploaded, to go with the next reply. */
export interface Chosen {
  id: string;
  name: string;
  size: number;
}

/** Words on their way. `key` makes them be said once, however often they are sent. */
export interface Outgoing {
  key: string;
  kind: Kind;
  text: string;
  files: Chosen[];
  /** The AI's draft that these words are said instead of. */
  draft: string | null;
  at: number;
  /** Why they were not sent; empty while nothing went wrong. */
  problem: string;
  /** The gateway itself refused them: the same key would get the same answer. */
  final: boolean;
}

export interface Kept {
  tab: Kind;
  reply: string;
  note: string;
  files: Chosen[];
  draft: string | null;
  outbox: Outgoing[];
}

const PREFIX = `gateway-kept:${me?.id ?? ""}:`;

export function nothing(): Kept {
  return { tab: "reply", reply: "", note: "", files: [], draft: null, outbox: [] };
}

export function keyOf(session: string): string {
  return PREFIX + session;
}

export function recall(session: string): Kept {
  try {
    const text = localStorage.getItem(keyOf(session));
    if (text !== null) return { ...nothing(), ...(JSON.parse(text) as Partial<Kept>) };
  } catch {
    // Unreadable, or this browser keeps nothing: as if nothing had been written.
  }
  return nothing();
}

/** False where the browser keeps nothing (it is full, or was told not to). */
export function keep(session: string, kept: Kept): boolean {
  const empty = !kept.reply && !kept.note && kept.files.length === 0 && kept.outbox.length === 0;
  try {
    if (empty && kept.tab === "reply") localStorage.removeItem(keyOf(session));
    else localStorage.setItem(keyOf(session), JSON.stringify(kept));
    return true;
  } catch {
    return false;
  }
}

/** Changes the words on their way, as they are kept by now: another tab may have sent some. */
export function changeOutbox(session: string, change: (outbox: Outgoing[]) => Outgoing[]): Kept {
  const kept = recall(session);
  kept.outbox = change(kept.outbox);
  keep(session, kept);
  return kept;
}
