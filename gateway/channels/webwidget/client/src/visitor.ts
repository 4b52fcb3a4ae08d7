// Who speaks: the visitor's token, kept and renewed, and what the page says of who it is.

import type { Identity, Parameters } from "./bridge.ts";
import { call, Refused } from "./calls.ts";
import { recall, remember } from "./pocket.ts";
import type { Config, Opened, Visitor } from "./protocol.ts";
import { emit, key, V1 } from "./realm.ts";
import { alone } from "./tabs.ts";

interface Remembered {
  token: string;
  visitor: Visitor;
}

let identity: Identity = {};
let parameters: Parameters = {};
let opening: Promise<void> | undefined;
/** What the page said has been told to the gateway. */
let told = false;
let stopped = false;
let changed: (anew: boolean) => void;

/** Who it is as far as this browser knows. */
export function person(): Visitor | null {
  return recall<Remembered>("visitor")?.visitor ?? null;
}

export function token(): string | null {
  return recall<Remembered>("visitor")?.token ?? null;
}

export function config(): Config | null {
  return recall("config");
}

/** Call it when a session is there; `anew`: somebody else speaks now. */
export function onSession(act: (anew: boolean) => void): void {
  changed = act;
}

export function identify(as: Identity): void {
  identity = as;
  told = false;
}

export function setParameters(more: Parameters): void {
  parameters = { ...parameters, ...more };
  told = false;
}

/** Open no session any more. */
export function stop(): void {
  stopped = true;
}

/** Have a session that knows all the page has said. Throws `Refused`. */
export async function ready(): Promise<Visitor> {
  while (!told || !token()) await open();
  return person()!;
}

/** Call a door as this visitor. Throws `Refused`. */
export async function ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetchAs(method, V1 + path, body);
  return (response.status === 204 ? null : await response.json().catch(garbled)) as Answer;
}

/** Call any address of the gateway's as this visitor. Throws `Refused`. */
export async function fetchAs(method: string, url: string, body?: unknown): Promise<Response> {
  await ready();
  const used = token();
  try {
    return await call(method, url, used, body);
  } catch (error) {
    if ((error as Refused).status !== 401) throw error;
    // Another tab may have a fresh token already; then that one is good.
    if (token() === used) await open();
    return call(method, url, token(), body);
  }
}

function open(): Promise<void> {
  // Two tabs that begin together are one visitor.
  opening ??= alone("session", askForSession).finally(() => (opening = undefined));
  return opening;
}

async function askForSession(): Promise<void> {
  if (stopped) throw new Refused(0, "stopped");
  const { jwt, ...claims } = identity;
  const before = person();
  const said = { key, visitor_token: token() ?? undefined, claims, parameters };
  told = true; // what the page says while we ask is told by the next one
  let opened: Opened;
  try {
    opened = await post({ ...said, jwt });
  } catch (error) {
    told = false;
    if (!jwt || (error as Refused).status !== 401) throw error;
    // Nothing has changed there, and nobody is left without a talk for it. The page may answer
    // with another JWT at once: that is not told yet.
    identity = claims;
    told = true;
    emit("identity_rejected", { code: (error as Refused).code });
    opened = await post(said);
  }
  if (stopped) return;
  const { visitor_token, visitor } = opened;
  remember("config", opened.config);
  remember("visitor", { token: visitor_token, visitor } satisfies Remembered);
  changed(!!before && before.id !== visitor.id);
}

async function post(said: object): Promise<Opened> {
  const response = await call("POST", V1 + "sessions", null, said);
  return response.json().catch(garbled) as Promise<Opened>;
}

/** A proxy's page with status 200 is nobody's answer. */
function garbled(): never {
  throw new Refused(0, "garbled");
}
