/** The profile menu: light or dark, online or away; and the page's word that somebody is here. */

import { call, Refused } from "./api.ts";
import { me } from "./page.ts";

const BEAT_MS = 30_000;
const PRESENCE = "gateway-presence";
const THEME = "gateway-theme";

export function installProfile(): void {
  installTheme();
  if (me !== null && me.role !== "viewer") installPresence(me.id);
}

function installTheme(): void {
  document.querySelector("[data-theme-switch]")?.addEventListener("change", (event) => {
    const { value } = event.target as HTMLInputElement;
    if (value) document.documentElement.dataset["theme"] = value;
    else delete document.documentElement.dataset["theme"];
    // A cookie: the server knows it before the next page is drawn.
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `${THEME}=${value}; path=/; max-age=${value ? 31_536_000 : 0}; samesite=lax${secure}`;
  });
}

/** Somebody is online while a page is open, unless they say that they are away. */
function installPresence(id: string): void {
  const key = `${PRESENCE}:${id}`;
  const chosen = (): string => (localStorage.getItem(key) === "away" ? "away" : "online");
  const show = (): void => {
    const state = chosen();
    for (const dot of document.querySelectorAll<HTMLElement>("[data-profile] .presence")) {
      dot.dataset["presence"] = state;
    }
    const input = document.querySelector<HTMLInputElement>(`[data-presence-switch] [value="${state}"]`);
    if (input) input.checked = true;
  };
  const say = async (): Promise<void> => {
    show();
    try {
      await call("PUT", "/me/presence", { body: { state: chosen() } });
    } catch (error) {
      // It is said again in half a minute; that the gateway is away is told by the stream.
      if (!(error instanceof Refused)) throw error;
    }
  };
  document.querySelector("[data-presence-switch]")?.addEventListener("change", (event) => {
    localStorage.setItem(key, (event.target as HTMLInputElement).value);
    void say();
  });
  window.addEventListener("storage", (event) => event.key === key && show());
  void say();
  setInterval(() => void say(), BEAT_MS);
}
