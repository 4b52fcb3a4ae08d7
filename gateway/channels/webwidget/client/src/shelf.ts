// The outbox's shelf: IndexedDB; localStorage where there is none, and memory where there is nothing.

import type { Entry, Shelf } from "./outbox.ts";
import { pocket, recall, remember } from "./pocket.ts";
import { emit, later, prefix } from "./realm.ts";

const STORE = "outbox";
const SPARE = STORE + ":";
// Some browsers never answer when a database is opened (private windows, damaged profiles).
const PATIENCE_MS = 3_000;

let opened: Promise<IDBDatabase> | undefined;

export const shelf: Shelf = {
  async all() {
    const spare = pocket.names().filter((name) => name.startsWith(SPARE));
    const kept = (await act("readonly", (store) => store.getAll()).catch(() => [])) as Entry[];
    const known = new Set(kept.map(({ client_id }) => SPARE + client_id));
    return [...kept, ...spare.filter((name) => !known.has(name)).map((name) => recall<Entry>(name)!)];
  },
  async put(entry) {
    const spare = SPARE + entry.client_id;
    try {
      await act("readwrite", (store) => store.put(entry));
      pocket.remove(spare);
    } catch {
      if (!remember(spare, entry)) emit("error", { code: "storage_unavailable" });
    }
  },
  async remove(client_id) {
    pocket.remove(SPARE + client_id);
    await act("readwrite", (store) => store.delete(client_id)).catch(() => null); // nothing is there
  },
};

/** Take the database away. */
export async function destroy(): Promise<void> {
  (await opened?.catch(() => null))?.close();
  // If another tab holds it: that one was told to do the same.
  await answer(() => indexedDB.deleteDatabase(prefix)).catch(() => null);
}

async function act(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest): Promise<unknown> {
  opened ??= open();
  const database = await opened.catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  // `strict`: done is on disk, and not in a cache that a power cut takes along.
  const transaction = database.transaction(STORE, mode, { durability: "strict" });
  return answer(() => ask(transaction.objectStore(STORE)), transaction);
}

function open(): Promise<IDBDatabase> {
  return answer(() => {
    const request = indexedDB.open(prefix, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "client_id" });
    return request;
  }).then((result) => {
    const database = result as IDBDatabase;
    // Another tab takes everything away, or the browser does: the next act opens anew.
    database.onversionchange = database.onclose = () => {
      database.close();
      opened = undefined;
    };
    return database;
  });
}

/** What a request answers, once its transaction is complete. */
function answer(ask: () => IDBRequest, transaction?: IDBTransaction): Promise<unknown> {
  return new Promise((done, failed) => {
    later(failed as () => void, PATIENCE_MS);
    const request = ask();
    if (transaction) {
      transaction.oncomplete = () => done(request.result);
      transaction.onabort = failed;
    } else request.onsuccess = () => done(request.result);
    request.onerror = failed;
  });
}
