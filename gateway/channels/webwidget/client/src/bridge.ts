// What loader and app know of each other. The loader runs in the page; the app runs in a hidden
// frame of its own, where nothing of the page has touched fetch, Array or Promise.

import type { Rgb } from "./color.ts";

/** What `window.GatewayWidget` tells its listeners. */
export type Happening =
  | "ready"
  | "open"
  | "close"
  | "message"
  | "unread"
  | "session"
  | "error"
  | "identity_rejected";

/** What a page asks of the app. `shutdown` answers when everything of ours is gone. */
export type Command = "open" | "close" | "identify" | "setParameters" | "shutdown";

/** What the page says of its visitor: a JWT of its server, or mere claims. */
export interface Identity {
  jwt?: string;
  name?: string;
  email?: string;
  phone?: string;
}

export type Parameters = Record<string, string | number | boolean>;

/** What the loader hands to the app. */
export interface Bridge {
  /** The page's own window. What it says is not believed. */
  readonly page: Window & typeof globalThis;
  /** Where the gateway is: `https://gateway.example`, without a slash at the end. */
  readonly base: string;
  /** Names the deployment. */
  readonly key: string;
  /** What the keys of localStorage begin with; they and the database of that name are ours. */
  readonly prefix: string;
  /** The script tag: its `data-*` attributes are the options. */
  readonly script: HTMLElement;
  /** BCP 47, `de-AT`. */
  readonly lang: string;
  readonly host: HTMLElement;
  readonly root: ShadowRoot;
  readonly launcher: HTMLButtonElement;
  /** Read a colour; null where it is neither `#abc`, `#aabbcc` nor `rgb(…)`. */
  parse(color: string): Rgb | null;
  /** Contrast of two colours as WCAG 2 has it, from 1 to 21. */
  contrast(one: Rgb, other: Rgb): number;
  /** Paint the launcher: background, and what stands on it. */
  paint(color: string): void;
  /** Tell the page's listeners. */
  emit(happening: Happening, detail?: unknown): void;
  /** What the page's own `shutdown` does: another tab has done it. */
  shutdown(): Promise<unknown>;
  /** The app is there and takes commands. */
  connect(app: App): void;
}

export interface App {
  run(command: Command, argument?: unknown): unknown;
}

declare global {
  interface Window {
    /** In the app's frame only. */
    gatewayBridge?: Bridge;
  }
}
