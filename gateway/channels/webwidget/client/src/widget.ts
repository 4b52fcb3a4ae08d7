// What the visitor does and what happens, and what becomes of it.

import type { Identity, Parameters } from "./bridge.ts";
import { call, type Refused } from "./calls.ts";
import * as live from "./live.ts";
import { createOutbox, isStrangers } from "./outbox.ts";
import { empty, remember, tab } from "./pocket.ts";
import type { Attachment, Message, News, Typing } from "./protocol.ts";
import { bridge, emit, later, page, V1, visible } from "./realm.ts";
import { destroy, shelf } from "./shelf.ts";
import * as tabs from "./tabs.ts";
import { keep, merge, NOTHING, without, withOlder, type Talk } from "./talk.ts";
import { t } from "./texts.ts";
import { timeline } from "./timeline.ts";
import { configureComposer, restoreDraft, text as field } from "./view/composer.ts";
import { updateEnding } from "./view/ending.ts";
import { updateHeader } from "./view/header.ts";
import * as panel from "./view/panel.ts";
import * as visitor from "./visitor.ts";
import { ask } from "./visitor.ts";

// Who looked at the talk so long ago looks no more, whatever is open.
const IDLE_MS = 5 * 60_000;
// Whoever types says so again; the AI may think for a while.
const TYPING_MS = 8_000;
const THINKING_MS = 60_000;

let talk: Talk = NOTHING;
/** A finished session that the visitor has put aside to begin anew. */
let aside: string | undefined;
/** Why the gateway cannot be asked. */
let failure: Refused | null = null;
/** Raised when somebody else speaks: what was asked before is of no interest. */
let generation = 0;
let letGo: (() => void) | undefined;
let active = 0;
let away = false;
let readUpTo: string | undefined;
let toldUnread = 0;
let toldSession = "";
/** Another tab has shut down, and told the gateway. */
let told = false;
const typists: Record<string, ReturnType<typeof setTimeout>> = {};
const gone = new AbortController();

const outbox = createOutbox({
  shelf,
  async post({ client_id, text, files }) {
    const said = { client_id, text, files: files.map(({ id }) => id) };
    try {
      return (await ask<{ message: Message }>("POST", "messages", said)).message;
    } catch (error) {
      void live.ring(); // is anybody there? A stream that still seems to stand does not tell
      throw error;
    }
  },
  who: visitor.ready,
  alone: (act) => tabs.alone("send", act),
  arrived(message) {
    tabs.tell("kept", message);
    talk = keep(talk, message);
    draw();
    tellMessage(message);
    void live.ring();
  },
  changed: draw,
  now: Date.now,
  later(act, after) {
    const timer = later(act, after);
    return () => clearTimeout(timer);
  },
});

/** Show what there was, and see what is new. */
export async function start(): Promise<void> {
  const options = { signal: gone.signal };
  visitor.onSession(opened);
  tabs.listen(heard);
  addEventListener("online", wake, options);
  document.addEventListener("visibilitychange", looked, options);
  // A page in the browser's cache of pages holds no stream: else it could not go there.
  page.addEventListener("pagehide", () => leave(true), options);
  page.addEventListener("pageshow", () => leave(false), options);
  panel.appear();
  restoreDraft(); // before anything that keeps what stands in the composer
  configure();
  if (tab.get("open") && !panel.narrow()) panel.open(false);
  await outbox.load();
  wake();
}

/** What the page asks for. */
export function run(command: string, argument: unknown): unknown {
  if (command === "open") return panel.open(true);
  if (command === "close") return panel.close();
  if (command === "shutdown") return shutdown();
  if (command === "setParameters") visitor.setParameters(argument as Parameters);
  else {
    visitor.identify(argument as Identity);
    talk = { ...talk, cursor: null }; // more may be theirs to read now
  }
  return live.ring();
}

// What the visitor does

export async function say(text: string, files: Attachment[]): Promise<void> {
  await outbox.add(newId(), text, files, visitor.person());
  tabs.tell("outbox");
}

export async function decide(client_id: string, again: boolean): Promise<void> {
  await (again ? outbox.retry : outbox.discard)(client_id);
  tabs.tell("outbox");
}

export function typing(on: boolean): void {
  // Nobody waits for it, and a lost one does no harm.
  if (talk.session) ask("POST", "typing", { on }).catch(() => null);
}

export async function rate(session: string, score: number, comment: string): Promise<void> {
  await ask("POST", "rating", { session, score, ...(comment && { comment }) });
  if (talk.session) talk = { ...talk, session: { ...talk.session, rating: { score, comment } } };
  draw();
}

export async function older(): Promise<void> {
  const before = generation;
  const news = await ask<News>("GET", "messages?before=" + encodeURIComponent(talk.messages[0]!.id));
  if (before === generation) talk = withOlder(talk, news);
  draw();
}

export function startNew(): void {
  aside = talk.session?.id;
  draw();
  field.focus();
}

export function toggled(open: boolean): void {
  if (open) remember("open", 1, tab);
  else tab.remove("open");
  touched();
  emit(open ? "open" : "close");
  draw();
  read();
  if (open) wake();
  else follow();
}

export function touched(): void {
  active = Date.now();
}

// What happens

/** Ask what is new, and show it. Throws `Refused`. */
export async function pull(): Promise<void> {
  await visitor.ready();
  const before = generation;
  const { cursor, messages } = talk;
  const news = await ask<News>("GET", "messages" + (cursor ? "?after=" + encodeURIComponent(cursor) : ""));
  // Somebody else speaks, or more may be theirs to read: this was asked before.
  if (before !== generation || cursor !== talk.cursor) return void live.ring();
  if (!cursor || news.reset) panel.log.hush();
  const fresh = cursor ? without(news.messages, messages) : [];
  talk = merge(talk, news);
  draw();
  for (const message of fresh) {
    if (message.author.kind === "customer") continue;
    touched();
    tellMessage(message);
  }
  tellSession();
  read();
  follow();
}

export function reached(why: Refused | null): void {
  const back = failure && !why;
  if (why && !why.passing && why.code !== failure?.code) emit("error", { code: why.code });
  failure = why;
  draw();
  if (back) outbox.wake();
}

export function typed({ on, kind, name }: Typing & { on: boolean }): void {
  const who = kind + name;
  clearTimeout(typists[who]);
  const others = talk.typing.filter((one) => one.kind + one.name !== who);
  talk = { ...talk, typing: on ? [...others, { kind, name }] : others };
  const patience = kind === "ai" ? THINKING_MS : TYPING_MS;
  if (on) typists[who] = later(() => typed({ on: false, kind, name }), patience);
  draw();
}

/** How much somebody wants to know what is new; none: not at all. */
export function interest(): "watching" | "waiting" | undefined {
  if (seen() && Date.now() - active < IDLE_MS) return "watching";
  const waits = panel.opened || talk.session?.status === "active" || outbox.entries()[0];
  return waits ? "waiting" : undefined;
}

function seen(): boolean {
  return panel.opened && visible();
}

function opened(anew: boolean): void {
  if (anew) {
    forget();
    tabs.tell("visitor");
  }
  configure();
  draw();
}

/** Somebody else speaks: nothing of the talk before is theirs. */
function forget(): void {
  generation++;
  talk = NOTHING;
}

function configure(): void {
  panel.paint();
  configureComposer();
}

function heard(...[what, said]: tabs.Word): void {
  if (what === "alive") live.heard();
  else if (what === "typing") typed(said);
  else if (what === "outbox") void outbox.load().then(outbox.wake);
  else if (what === "shutdown") {
    told = true;
    void bridge.shutdown();
  } else {
    if (what === "visitor") forget();
    if (what === "kept") talk = keep(talk, said);
    draw();
    void live.ring();
  }
}

/** What is open and looked at is read. */
function read(): void {
  const last = talk.messages.filter(({ author }) => author.kind !== "customer").at(-1)?.id;
  if (!seen() || !talk.unread || !last || last === readUpTo) return;
  readUpTo = last;
  talk = { ...talk, unread: 0 };
  draw();
  ask("POST", "read", { message: last })
    .then(() => tabs.tell("news"))
    .catch(() => (readUpTo = undefined)); // said again when we ask what is new
}

function tellMessage({ id, client_id, kind, author, text }: Message): void {
  emit("message", { id, client_id, kind, author: author.kind, name: author.name, text });
}

function tellSession(): void {
  const { session } = talk;
  const { id, status, speaker } = session ?? {};
  const now = `${id} ${status} ${speaker?.kind}`;
  if (now === toldSession) return;
  toldSession = now;
  emit("session", session && { id, status, speaker: speaker!.kind });
}

// When to do what

function wake(): void {
  outbox.wake();
  void live.ring();
}

function looked(): void {
  draw();
  if (!visible()) return live.plan();
  touched();
  // The stream is for the tab that is looked at: others may be asleep.
  if (!live.following) rest();
  follow();
  wake();
}

/** Follow the stream while somebody wants to know. */
function follow(): void {
  if (away || !interest()) rest();
  else letGo ??= tabs.hold("stream", visible(), live.follow);
  live.plan();
}

function rest(): void {
  letGo?.();
  letGo = undefined;
}

function leave(now: boolean): void {
  away = now;
  if (now) rest();
  else wake();
}

export function draw(): void {
  const who = visitor.person();
  const config = visitor.config();
  const shown = talk.session?.status === "finished" && talk.session.id === aside ? NOTHING : talk;
  const messages = [...shown.messages, ...talk.kept];
  const known = new Set(messages.map(({ client_id }) => client_id));
  const entries = outbox.entries().filter((entry) => !known.has(entry.client_id) && !isStrangers(entry, who));
  const welcome = shown.earlier ? null : (config?.welcome_message ?? null);
  panel.showQuickReplies(messages[0] || entries[0] ? [] : (config?.quick_replies ?? []));
  updateEnding(entries[0] ? null : shown.session);
  updateHeader(shown.session, panel.elsewhere);
  panel.log.update(timeline(welcome, messages, entries, shown.session), shown.typing, shown.earlier);
  panel.showNotice(failure ? t(failure.passing ? "offline" : "failed") : "");
  panel.showUnread(talk.unread);
  if (talk.unread !== toldUnread) emit("unread", (toldUnread = talk.unread));
}

/** Stop, and leave nothing on this computer. */
async function shutdown(): Promise<void> {
  const token = visitor.token();
  gone.abort();
  visitor.stop();
  outbox.stop();
  live.stop();
  rest();
  panel.disappear();
  empty();
  if (!told) {
    tabs.tell("shutdown");
    // Out of reach: what is on this computer goes all the same.
    if (token) await call("POST", V1 + "logout", token, {}, true).catch(() => null);
  }
  await destroy();
  tabs.leave();
  empty(); // what was under way may have kept something meanwhile
}

/** 128 random bits; not `randomUUID`, which a page without TLS does not have. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
}
