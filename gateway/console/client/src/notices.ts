/**
 * What needs somebody: the number of waiting sessions on the menu, the page's title and the tab's
 * icon; and, for whoever wants them, notifications and a sound. Of several open pages one notifies.
 */

import type { GatewayEvent } from "./live.ts";
import { me } from "./page.ts";
import { toast } from "./toasts.ts";

const EVERY_MS = 30_000;
const BURST_MS = 500;
/** What may change the number. */
const CHANGES = [
  "session.handed_over", "session.assigned", "session.returned", "session.finished", "session.updated",
];
const AGAIN_MS = 5_000;
const WANTED = `gateway-notices:${me?.id ?? ""}`;
const WATCHED = `gateway-watched:${me?.id ?? ""}`;

interface Wanted {
  notify: boolean;
  sound: boolean;
}

interface Session {
  id: string;
  channel: string;
  contact: { name: string | null; email: string | null } | null;
  responsible: { kind: string; id: string | null };
  offer: { operator_id: string; until: string } | null;
}

export function installNotices(): void {
  if (me === null || me.role === "viewer") return;
  installCount();
  installSwitches();
  installWatching();
  // One page of a browser is enough to be told by; where there are no locks, each tells.
  if ("locks" in navigator) void navigator.locks.request(WANTED, () => new Promise<never>(installTelling));
  else installTelling();
}

// -- the number ------------------------------------------------------------------------------------

let waitingCount = -1;
let title = "";

function installCount(): void {
  title = document.title;
  let soon: ReturnType<typeof setTimeout> | undefined;
  let asked = 0;
  const ask = async (): Promise<void> => {
    soon = undefined;
    const mine = ++asked;
    try {
      const answer = await fetch("/console/parts/human-agents/waiting", { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const { waiting } = (await answer.json()) as { waiting: number };
      if (mine === asked) show(waiting); // else a younger question is on its way
    } catch {
      // It is asked again; that the gateway is away is told by the stream.
    }
  };
  const askSoon = (): void => {
    soon ??= setTimeout(() => void ask(), BURST_MS);
  };
  void ask();
  setInterval(() => void ask(), EVERY_MS);
  document.addEventListener("gateway", (event) => {
    const { type } = (event as CustomEvent<GatewayEvent>).detail;
    if (CHANGES.includes(type)) askSoon();
  });
  // The stream was away, or opens only now: what happened meanwhile is told by no event.
  document.addEventListener("read-again", askSoon);
}

function show(count: number): void {
  if (count === waitingCount) return;
  const more = waitingCount >= 0 && count > waitingCount;
  waitingCount = count;
  for (const badge of document.querySelectorAll<HTMLElement>("[data-waiting]")) {
    badge.textContent = count > 99 ? "99+" : String(count);
    badge.hidden = count === 0;
    badge.setAttribute("aria-label", `${count} waiting`);
  }
  document.title = count > 0 ? `(${count}) ${title}` : title;
  void drawIcon(count);
  if (more) document.dispatchEvent(new CustomEvent("desk:waiting"));
}

let plainIcon = "";

async function drawIcon(count: number): Promise<void> {
  const link = document.querySelector<HTMLLinkElement>("#tab-icon");
  if (link === null) return;
  plainIcon ||= link.href;
  if (count === 0) {
    link.href = plainIcon;
    link.type = "image/svg+xml";
    return;
  }
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const paint = canvas.getContext("2d");
  const picture = new Image(64, 64);
  picture.src = plainIcon;
  try {
    await picture.decode();
  } catch {
    return; // without its picture the number alone would be a riddle
  }
  if (paint === null || count !== waitingCount) return;
  paint.drawImage(picture, 0, 0, 64, 64);
  paint.fillStyle = "#c62828";
  paint.beginPath();
  paint.arc(44, 20, 20, 0, 2 * Math.PI);
  paint.fill();
  paint.fillStyle = "#ffffff";
  paint.font = `bold ${count > 9 ? 24 : 30}px sans-serif`;
  paint.textAlign = "center";
  paint.textBaseline = "middle";
  paint.fillText(count > 99 ? "99" : String(count), 44, 21);
  link.type = "image/png";
  link.href = canvas.toDataURL("image/png");
}

// -- opting in -------------------------------------------------------------------------------------

function wanted(): Wanted {
  try {
    return { notify: false, sound: false, ...(JSON.parse(localStorage.getItem(WANTED) ?? "{}") as Partial<Wanted>) };
  } catch {
    return { notify: false, sound: false };
  }
}

function installSwitches(): void {
  const boxes = document.querySelectorAll<HTMLInputElement>("[data-notices]");
  const draw = (): void => {
    const now = wanted();
    for (const box of boxes) {
      const name = box.dataset["notices"] as keyof Wanted;
      box.checked = now[name] && (name !== "notify" || allowed());
    }
  };
  draw();
  window.addEventListener("storage", (event) => event.key === WANTED && draw());
  for (const box of boxes) {
    box.addEventListener("change", () => {
      void choose(box.dataset["notices"] as keyof Wanted, box.checked).then(draw);
    });
  }
}

function allowed(): boolean {
  return "Notification" in window && Notification.permission === "granted";
}

async function choose(name: keyof Wanted, on: boolean): Promise<void> {
  if (name === "notify" && on && !allowed()) {
    const said = "Notification" in window ? await Notification.requestPermission() : "denied";
    if (said !== "granted") {
      toast("This browser does not allow notifications for this site. Allow them in its settings.", "bad");
      return;
    }
  }
  localStorage.setItem(WANTED, JSON.stringify({ ...wanted(), [name]: on }));
  if (name === "sound" && on) play();
}

// -- telling ---------------------------------------------------------------------------------------

/** The session that somebody has in front of them needs no notification. */
function installWatching(): void {
  const session = document.querySelector<HTMLElement>("[data-desk]")?.dataset["desk"] ?? "";
  const say = (): void => {
    if (session && document.hasFocus()) localStorage.setItem(WATCHED, session);
    else if (localStorage.getItem(WATCHED) === session) localStorage.removeItem(WATCHED);
  };
  say();
  for (const name of ["focus", "blur", "pagehide"]) window.addEventListener(name, say);
  document.addEventListener("visibilitychange", say);
}

function isMine(session: Session): boolean {
  const { kind, id } = session.responsible;
  return kind === "operator" && id !== null && (id === me?.id || id === me?.links[session.channel]);
}

const told = new Map<string, number>();

function installTelling(): void {
  document.addEventListener("desk:waiting", () => wanted().sound && play());
  document.addEventListener("gateway", (event) => {
    const { type, data = {} } = (event as CustomEvent<GatewayEvent>).detail;
    const session = data["session"] as Session | undefined;
    if (session === undefined) return;
    const by = (data["by"] as { id?: string | null } | undefined)?.id ?? null;
    const byMe = by !== null && (by === me?.id || by === me?.links[session.channel]);
    const name = session.contact?.name ?? session.contact?.email ?? "Customer";
    if ((type === "session.assigned" || type === "session.handed_over") && isMine(session) && !byMe) {
      tell(`assigned:${session.id}`, "You have new session assigned.", name, session.id);
    } else if (type === "session.updated" && session.offer?.operator_id === me?.id) {
      tell(`offer:${session.id}:${session.offer?.until}`, "You have new session assigned.", name, session.id);
    } else if (type === "message.created" && isMine(session)) {
      const message = data["message"] as { id: string; text: string; author: { kind: string } };
      if (message.author.kind !== "customer" || localStorage.getItem(WATCHED) === session.id) return;
      tell(`message:${message.id}`, "New message:", `${name}: ${message.text.slice(0, 200)}`, session.id);
    }
  });
}

function tell(what: string, words: string, body: string, session: string): void {
  const now = Date.now();
  for (const [key, at] of told) if (now - at > AGAIN_MS) told.delete(key);
  if (told.has(what)) return;
  told.set(what, now);
  const { notify, sound } = wanted();
  if (sound) play();
  if (!notify || !allowed()) return;
  try {
    const notice = new Notification(words, { body, tag: session, icon: plainIcon, lang: "en" });
    notice.addEventListener("click", () => {
      window.focus();
      notice.close();
      location.assign(`/console/human-agents/${session}`);
    });
  } catch {
    // Some browsers notify from a service worker only: the number and the sound remain.
  }
}

let audio: AudioContext | undefined;

/** Two soft notes, made here: nothing needs to be loaded. */
function play(): void {
  audio ??= new AudioContext();
  const context = audio;
  void context.resume().then(() => {
    for (const [delay, pitch] of [[0, 660], [0.14, 880]] as const) {
      const note = context.createOscillator();
      const volume = context.createGain();
      const at = context.currentTime + delay;
      note.frequency.value = pitch;
      volume.gain.setValueAtTime(0.0001, at);
      volume.gain.exponentialRampToValueAtTime(0.14, at + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.3);
      note.connect(volume).connect(context.destination);
      note.start(at);
      note.stop(at + 0.32);
    }
  });
}
