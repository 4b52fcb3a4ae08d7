// Where we are. The frame holds one widget, so the modules of the app are its parts: what they know
// they know by themselves, and nobody hands it about.

import type { Bridge } from "./bridge.ts";

export const bridge = window.gatewayBridge as Bridge;
export const { page, base, key, prefix, script, lang, host, root, launcher, emit } = bridge;
/** Where the doors are. */
export const V1 = base + "/widget/v1/";

/** A `data-*` attribute of the script tag; null if it is not there. */
export function option(name: string): string | null {
  return script.getAttribute("data-" + name);
}

export function later(act: () => void, milliseconds: number): ReturnType<typeof setTimeout> {
  return setTimeout(act, milliseconds);
}

/** The page is in front of somebody. */
export function visible(): boolean {
  return document.visibilityState === "visible";
}
