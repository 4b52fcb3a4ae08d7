import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { Refused } from "../src/calls.ts";
import { createOutbox, type Entry, type Outbox } from "../src/outbox.ts";
import type { Message, Visitor } from "../src/protocol.ts";

const ANN = { id: "vis_ann", level: "verified" } as const;
const BOB = { id: "vis_bob", level: "verified" } as const;
const NOBODY = { id: "vis_1", level: "anonymous" } as const;
const UNREACHABLE = new Refused(0, "unreachable");

/** An outbox, and the world around it: a disk, a gateway, a clock that tests move. */
class World {
  disk = new Map<string, Entry>();
  /** What the gateway has, in its order. */
  got: string[] = [];
  /** What it says instead of taking the next ones. */
  says: (Refused | "took it")[] = [];
  posts = 0;
  time = 1_000;
  timers: { at: number; act: () => void }[] = [];
  speaker: Pick<Visitor, "id" | "level"> = NOBODY;
  changes = 0;
  /** A slow disk: what is read now is told when this is done. */
  reading: Promise<void> | undefined;

  /** Another tab, or this one after a reload: the same disk. */
  open(): Outbox {
    return createOutbox({
      shelf: {
        all: async () => {
          const found = [...this.disk.values()].reverse(); // a shelf has no order
          await this.reading;
          return found;
        },
        put: async (entry) => void this.disk.set(entry.client_id, structuredClone(entry)),
        remove: async (id) => void this.disk.delete(id),
      },
      post: async ({ client_id }) => {
        this.posts++;
        const said = this.says.shift();
        if (!(said instanceof Refused) && !this.got.includes(client_id)) this.got.push(client_id);
        if (said) throw said === "took it" ? UNREACHABLE : said;
        return { id: "msg_" + client_id, client_id } as Message;
      },
      who: () => Promise.resolve(this.speaker),
      alone: (act) => act(),
      arrived: () => undefined,
      changed: () => this.changes++,
      now: () => this.time,
      later: (act, after) => {
        const timer = { at: this.time + after, act };
        this.timers.push(timer);
        return () => (this.timers = this.timers.filter((one) => one !== timer));
      },
      random: () => 1,
    });
  }

  /** Let everything happen that happens without the clock. */
  async settle(): Promise<void> {
    for (let i = 0; i < 200; i++) await Promise.resolve();
  }

  async pass(milliseconds: number): Promise<void> {
    this.time += milliseconds;
    const due = this.timers.filter(({ at }) => at <= this.time);
    this.timers = this.timers.filter(({ at }) => at > this.time);
    for (const { act } of due) act();
    await this.settle();
  }
}

test("what is said goes out in order, and leaves the disk when the gateway has it", async () => {
  const world = new World();
  const outbox = world.open();
  await outbox.add("a", "one", [], null);
  await outbox.add("b", "two", [], null);
  await outbox.add("c", "three", [], null);
  await world.settle();
  deepEqual(world.got, ["a", "b", "c"]);
  equal(world.disk.size, 0);
  deepEqual(outbox.entries(), []);
});

test("it is on disk before `add` is done, even if nobody answers", async () => {
  const world = new World();
  world.says = [UNREACHABLE];
  const outbox = world.open();
  await outbox.add("a", "one", [], null);
  ok(world.disk.has("a"));
});

test("a failure holds back what comes after it, and it is tried again, more and more slowly", async () => {
  const world = new World();
  world.says = [UNREACHABLE, UNREACHABLE, UNREACHABLE];
  const outbox = world.open();
  await outbox.add("a", "one", [], null);
  await world.settle();
  await outbox.add("b", "two", [], null); // wakes, and fails
  await world.settle();
  equal(world.posts, 2);
  equal(world.timers.length, 1, "one timer, however often it was woken");
  await world.pass(2_000);
  equal(world.posts, 3);
  await world.pass(3_999);
  equal(world.posts, 3, "the third pause is four seconds");
  await world.pass(1);
  deepEqual(world.got, ["a", "b"]);
});

test("what is said while the disk is read stays in sight, once", async () => {
  const world = new World();
  world.says = [UNREACHABLE];
  const outbox = world.open();
  let read = (): void => undefined;
  world.reading = new Promise((done) => (read = done));
  const loading = outbox.load();
  await outbox.add("a", "one", [], null);
  read();
  await loading;
  deepEqual(outbox.entries().map(({ client_id }) => client_id), ["a"]);
  await world.settle();
  deepEqual(outbox.entries().map(({ client_id }) => client_id), ["a"]);
});

test("an answer that got lost makes no second copy", async () => {
  const world = new World();
  world.says = ["took it"];
  const outbox = world.open();
  await outbox.add("a", "one", [], null);
  await world.settle();
  await world.pass(1_000);
  equal(world.posts, 2);
  deepEqual(world.got, ["a"]);
});

test("a reload loses nothing and keeps the order, though the clock was set back", async () => {
  const world = new World();
  world.says = [UNREACHABLE];
  const before = world.open();
  await before.add("a", "one", [], null);
  await world.settle();
  before.stop();
  world.timers = [];
  world.time -= 500;
  world.says = [UNREACHABLE];
  const after = world.open();
  await after.load();
  await after.add("b", "two", [], null);
  await world.settle();
  await world.pass(60_000);
  deepEqual(world.got, ["a", "b"]);
});

test("what the gateway does not want is shown as failed, and the next one goes on", async () => {
  const world = new World();
  world.says = [new Refused(422, "validation_failed")];
  const outbox = world.open();
  await outbox.add("a", "one", [], null);
  await outbox.add("b", "two", [], null);
  await world.settle();
  deepEqual(world.got, ["b"]);
  deepEqual(outbox.entries().map(({ client_id, failed }) => [client_id, failed]), [["a", "validation_failed"]]);
  await outbox.retry("a");
  await world.settle();
  deepEqual(world.got, ["b", "a"]);
  equal(world.disk.size, 0);
});

test("what failed can be thrown away", async () => {
  const world = new World();
  world.says = [new Refused(400, "unreadable")];
  const outbox = world.open();
  await outbox.add("a", "one", [], null);
  await world.settle();
  await outbox.discard("a");
  equal(world.disk.size, 0);
  deepEqual(outbox.entries(), []);
});

test("429: nothing is sent before the gateway wants it, whoever wakes us", async () => {
  const world = new World();
  world.says = [new Refused(429, "too_many_requests", 7_000)];
  const outbox = world.open();
  await outbox.add("a", "one", [], null);
  await world.settle();
  outbox.wake();
  await world.pass(6_999);
  outbox.wake();
  await world.settle();
  equal(world.posts, 1);
  await world.pass(1);
  deepEqual(world.got, ["a"]);
});

test("being online again need not wait for the pause to end", async () => {
  const world = new World();
  world.says = [UNREACHABLE, UNREACHABLE, UNREACHABLE];
  const outbox = world.open();
  await outbox.add("a", "one", [], null);
  for (let i = 0; i < 3; i++) {
    outbox.wake();
    await world.settle();
  }
  deepEqual(world.got, ["a"]);
});

test("401 and 503 are no reason to give up", async () => {
  const world = new World();
  world.says = [new Refused(401, "token_expired"), new Refused(503, "unavailable")];
  const outbox = world.open();
  await outbox.add("a", "one", [], null);
  await world.settle();
  await world.pass(60_000);
  await world.pass(60_000);
  deepEqual(world.got, ["a"]);
});

test("what a verified person said is not said by another one", async () => {
  const world = new World();
  world.says = [UNREACHABLE];
  const outbox = world.open();
  world.speaker = ANN;
  await outbox.add("a", "Ann's", [], ANN);
  await world.settle();
  world.speaker = BOB;
  await outbox.add("b", "Bob's", [], BOB);
  await world.settle();
  deepEqual(world.got, ["b"]);
  equal(world.disk.size, 0);
});

test("what an anonymous visitor said goes along when they log in", async () => {
  const world = new World();
  world.says = [UNREACHABLE];
  const outbox = world.open();
  await outbox.add("a", "one", [], NOBODY);
  await world.settle();
  world.speaker = ANN;
  await world.pass(60_000);
  deepEqual(world.got, ["a"]);
});

test("after `stop` nothing goes out", async () => {
  const world = new World();
  world.says = [UNREACHABLE];
  const outbox = world.open();
  await outbox.add("a", "one", [], null);
  await world.settle();
  outbox.stop();
  outbox.wake();
  await world.pass(60_000);
  equal(world.posts, 1);
});
