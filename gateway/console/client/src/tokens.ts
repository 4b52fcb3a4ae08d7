/** A new API token is shown once, in its place on the page, and can be copied. */

import type { Answer } from "./api.ts";
import { toast } from "./toasts.ts";

export function installTokens(): void {
  document.addEventListener("acted", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-new-token]") : null;
    if (button === null) return;
    const { token } = (event as CustomEvent<Answer>).detail.body as { token: string };
    const place = document.querySelector<HTMLElement>("[data-token-shown]");
    const words = place?.querySelector("[data-token]");
    if (!place || !words) return;
    words.textContent = token;
    place.hidden = false;
  });
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
    const text = button?.parentElement?.querySelector("code")?.textContent;
    if (text) void copy(text);
  });
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    // Plain http, or the browser was told not to: the words can be selected.
    toast("This browser does not let pages copy. Select the words instead.", "bad");
  }
}
