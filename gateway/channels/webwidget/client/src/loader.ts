// The loader: the one script a site adds. It draws the launcher, keeps what the page asks for
// until the app is there, and loads the app when there is something to show.
//
// It runs among the page's own scripts, so it leans on as little of theirs as it can: no array
// methods, no iterators, no fetch. What needs those is the app's, which has a clean frame.
import { languages } from "texts:loader";

import type { App, Bridge, Command, Happening } from "./bridge.ts";
import { contrast, parse, textOn } from "./color.ts";
import sheet from "./launcher.css";

type Listener = (detail: unknown) => void;
/** A call from before the loader was there: `["open"]`, `["identify", {…}]`. */
type Call = [name: string, first?: unknown, second?: unknown];
type Done = (nothing?: unknown) => void;

const SVG = "http://www.w3.org/2000/svg";
const BUBBLE = "M21 11.5a8.4 8.4 0 0 1-12.3 7.4L3 21l2.1-5.7A8.4 8.4 0 1 1 21 11.5Z";
const CHEVRON = "m6 9.5 6 6 6-6";
const COLOR = "#1f5eff";
const RIGHT_TO_LEFT = /^(ar|fa|he|ur|ps|yi|dv|ug)\b/i;
const LONGEST_PAUSE_MS = 30_000;
// A page that takes our element away again and again gets its way.
const MOST_MOVES = 50;

const page = window as Bridge["page"] & { GatewayWidget?: unknown };
const doc = document;

function start(script: HTMLScriptElement): unknown {
  const option = (name: string): string => script.getAttribute("data-" + name) || "";
  const key = option("key");
  const prefix = "gateway-widget:" + key + ":";
  const base = script.src.slice(0, script.src.lastIndexOf("/widget.js"));
  const lang = option("lang") || doc.documentElement.lang || navigator.language || "en";
  const words = languages[lang.slice(0, 2).toLowerCase()] || languages["en"]!;

  const listeners: [Happening | "", Listener][] = [];
  let app: App | undefined;
  let frame: HTMLIFrameElement | undefined;
  let waiting: [Command, unknown, (Done | undefined)?][] = [];
  // What an app is told that has to begin again because the page moved our element.
  let said: { [command in Command]?: unknown } = {};
  let failures = 0;
  let moves = 0;
  let shown = false;

  const host = doc.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  const launcher = doc.createElement("button");

  const bridge: Bridge = {
    page,
    base,
    key,
    prefix,
    script,
    lang,
    host,
    root,
    launcher,
    parse,
    contrast,
    paint,
    emit,
    shutdown: () => api.shutdown(),
    connect(connected) {
      app = connected;
      failures = 0;
      const calls = waiting;
      waiting = [];
      for (let i = 0; i < calls.length; i++) run(calls[i]![0], calls[i]![1], calls[i]![2]);
    },
  };

  const api = {
    open: () => run("open"),
    close: () => run("close"),
    toggle: () => run(launcher.getAttribute("aria-expanded") === "true" ? "close" : "open"),
    identify: (identity: unknown) => run("identify", identity),
    setParameters: (parameters: unknown) => run("setParameters", parameters),
    /** Stop, and leave nothing behind. `open` and `identify` begin anew, as somebody new. */
    shutdown: () => new Promise((done: Done) => run("shutdown", undefined, done)),
    on(happening: Happening, listener: Listener): void {
      listeners[listeners.length] = [happening, listener];
      if (happening === "ready" && shown) tell(listener);
    },
    off(happening: Happening, listener?: Listener): void {
      for (let i = 0; i < listeners.length; i++) {
        const [name, one] = listeners[i]!;
        // An empty name instead of a shorter list: somebody may be walking through it.
        if (name === happening && (!listener || one === listener)) listeners[i]![0] = "";
      }
    },
    push(call: Call | ((widget: unknown) => void)): void {
      if (typeof call === "function") call(api);
      else (api[call[0] as "on"] as (...args: unknown[]) => void)(call[1], call[2]);
    },
  };

  function run(command: Command, argument?: unknown, done?: Done): void {
    if (command === "open" || command === "close") delete said.open;
    if (command !== "close" && command !== "shutdown") said[command] = argument;
    if (app) {
      const answer = app.run(command, argument);
      if (command === "shutdown") vanish(answer as Promise<void>, done!);
    } else if (command === "shutdown" && !frame && !traces()) {
      vanish(undefined, done!);
    } else {
      waiting[waiting.length] = [command, argument, done];
      if (command !== "close" && command !== "setParameters") load();
    }
  }

  function tell(listener: Listener, detail?: unknown): void {
    try {
      listener(detail);
    } catch (error) {
      console.error(error); // the page's own mistake: it shall see it, and we go on
    }
  }

  function emit(happening: Happening, detail?: unknown): void {
    for (let i = 0; i < listeners.length; i++) {
      if (listeners[i]![0] === happening) tell(listeners[i]![1], detail);
    }
  }

  /** Tell whether there is something of this visitor from before. */
  function traces(): string | null {
    try {
      return page.localStorage.getItem(prefix + "on");
    } catch {
      return null; // a page that may store nothing
    }
  }

  function hidden(element: Element): boolean {
    return page.getComputedStyle(element).display === "none";
  }

  /** Stand in the body, whatever the page does to its body. */
  function place(): void {
    const { body, documentElement } = doc;
    if (!body) return;
    watcher.observe(body, { childList: true });
    // Where a style sheet hides all there is (`* { display: none }`), the page stays hidden, and
    // we stand beside it. Who hides only one of both does so to show it again, and waits for us.
    const beside = hidden(body) && (hidden(documentElement) || host.parentNode === documentElement);
    if (host.isConnected && (!beside || host.parentNode === documentElement)) return;
    if (moves++ > MOST_MOVES) return;
    if (beside) documentElement.style.setProperty("display", "block", "important");
    (beside ? documentElement : body).appendChild(host);
    if (!shown) {
      shown = true;
      emit("ready");
    }
  }

  const watcher = new MutationObserver(place);

  function vanish(answer: Promise<void> | undefined, done: Done): void {
    watcher.disconnect();
    host.style.setProperty("display", "none", "important");
    const gone = (): void => {
      host.remove();
      frame?.remove();
      app = frame = undefined;
      said = {};
      done();
    };
    if (answer) answer.then(gone);
    else gone();
  }

  function load(): void {
    appear();
    if (frame) return;
    frame = doc.createElement("iframe");
    frame.style.setProperty("display", "none", "important");
    frame.onload = begin; // again, too, after the page has moved our element
    root.appendChild(frame);
  }

  function begin(): void {
    const inner = frame?.contentWindow as Bridge["page"] | null;
    if (!inner || inner.gatewayBridge) return;
    if (app) {
      app = undefined;
      for (const command in said) waiting[waiting.length] = [command as Command, said[command as Command]];
    }
    inner.gatewayBridge = bridge;
    fetchApp(inner);
  }

  function fetchApp(inner: Window): void {
    const tag = inner.document.createElement("script");
    tag.src = trusted(inner, base + "/widget/v1/" + APP_NAME);
    tag.nonce = script.nonce;
    tag.charset = "utf-8";
    tag.onerror = () => {
      tag.remove();
      setTimeout(fetchApp, Math.min(1000 * 2 ** failures++, LONGEST_PAUSE_MS), inner);
    };
    inner.document.head.appendChild(tag);
  }

  /** A page that asks for Trusted Types allows the policy `gateway-widget`. */
  function trusted(inner: Window, url: string): string {
    type Policies = { createPolicy(name: string, rules: object): { createScriptURL(url: string): string } };
    try {
      const policies = (inner as { trustedTypes?: Policies }).trustedTypes!;
      return policies.createPolicy("gateway-widget", { createScriptURL: (made: string) => made }).createScriptURL(url);
    } catch {
      return url; // no Trusted Types here, or the policy is forbidden and not needed
    }
  }

  function paint(color: string): void {
    launcher.style.color = color;
    const read = parse(color) || parse(page.getComputedStyle(launcher).color);
    launcher.style.color = "";
    host.style.setProperty("--fill", color);
    host.style.setProperty("--on", read ? textOn(read) : "#fff");
  }

  function icon(path: string): void {
    const svg = doc.createElementNS(SVG, "svg");
    const line = doc.createElementNS(SVG, "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    line.setAttribute("d", path);
    svg.appendChild(line);
    launcher.appendChild(svg);
  }

  /** Be in the page: at the start, and when asked for after a shutdown. */
  function appear(): void {
    if (host.isConnected) return;
    host.style.setProperty("display", "block", "important");
    watcher.observe(doc.documentElement, { childList: true });
    moves = 0;
    place();
  }

  // What a page says of everything (`* { all: unset !important }`) is not said of us.
  const own: Record<string, string> = {
    all: "initial",
    position: "fixed",
    "z-index": "2147483647",
    direction: RIGHT_TO_LEFT.test(lang) ? "rtl" : "ltr",
  };
  for (const name in own) host.style.setProperty(name, own[name]!, "important");
  const styles = new page.CSSStyleSheet();
  styles.replaceSync(sheet);
  root.adoptedStyleSheets = [styles];

  launcher.type = "button";
  launcher.setAttribute("aria-label", option("text-open-chat") || words[0]!);
  launcher.setAttribute("aria-expanded", "false");
  if (option("position")) launcher.style.insetInline = "auto";
  icon(BUBBLE);
  icon(CHEVRON);
  launcher.onclick = () => api.toggle();
  root.appendChild(launcher);
  paint(option("color") || COLOR);

  appear();
  page.addEventListener("load", place);
  if (script.hasAttribute("data-open")) api.open();
  else if (traces()) load();
  return api;
}

const script = (doc.currentScript ||
  doc.querySelector('script[data-key][src*="/widget.js"]')) as HTMLScriptElement | null;
const before = page.GatewayWidget as { length?: number; push?: unknown; open?: unknown } | undefined;
// Two tags are one widget.
if (script && !(before && before.open)) {
  const api = start(script) as { push(call: unknown): void };
  page.GatewayWidget = api;
  if (before) for (let i = 0; i < before.length!; i++) api.push((before as unknown[])[i]);
}
