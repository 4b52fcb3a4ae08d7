// Small things that are kept in this browser under our prefix; in memory where it keeps nothing.

import { prefix } from "./realm.ts";

export interface Pocket {
  get(name: string): string | null;
  /** Keep it; false if it is in memory only. */
  set(name: string, value: string): boolean;
  remove(name: string): void;
  names(): string[];
}

export function createPocket(open: () => Storage): Pocket {
  const memory: Record<string, string> = {};
  let storage: Storage | undefined;
  try {
    storage = open();
  } catch {
    // forbidden, as in a sandboxed frame
  }
  return {
    get: (name) => storage?.getItem(prefix + name) ?? memory[name] ?? null,
    set(name, value) {
      try {
        storage!.setItem(prefix + name, value);
        return true;
      } catch {
        memory[name] = value; // full, or forbidden
        return false;
      }
    },
    remove(name) {
      delete memory[name];
      storage?.removeItem(prefix + name);
    },
    names: () =>
      [...Object.keys(storage ?? {}), ...Object.keys(memory).map((name) => prefix + name)]
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length)),
  };
}

/** For all tabs and visits; `on` tells the loader that there is something. */
export const pocket = createPocket(() => localStorage);
/** For this tab. */
export const tab = createPocket(() => sessionStorage);

/** What was kept as JSON; null if there is none that can be read. */
export function recall<T>(name: string, from = pocket): T | null {
  try {
    return JSON.parse(from.get(name)!) as T | null;
  } catch {
    return null;
  }
}

export function remember(name: string, value: unknown, into = pocket): boolean {
  pocket.set("on", "1");
  return into.set(name, JSON.stringify(value));
}

export function empty(): void {
  for (const one of [pocket, tab]) one.names().forEach((name) => one.remove(name));
}
