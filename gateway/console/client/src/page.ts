/** What the page says of itself: who looks at it, and the word that our calls carry. */

function meta(name: string): HTMLMetaElement | null {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`);
}

export const csrf = meta("csrf-token")?.content ?? "";
export const timeZone = meta("time-zone")?.content ?? "UTC";

const ahead = Date.now() - Date.parse(meta("now")?.content ?? "");
/** What time it is where the gateway runs (ms): this machine's clock may be wrong. */
export function now(): number {
  return Date.now() - (Number.isNaN(ahead) ? 0 : ahead);
}

export interface Me {
  id: string;
  name: string;
  role: string;
  /** Who they are in a channel, by its name. */
  links: Record<string, string>;
}

const found = meta("me");
/** Whoever has signed in; null on the pages before. */
export const me: Me | null = found && {
  id: found.content,
  name: found.dataset["name"] ?? "",
  role: found.dataset["role"] ?? "",
  links: JSON.parse(found.dataset["links"] ?? "{}") as Record<string, string>,
};

let signingOut = false;
document.addEventListener("submit", ({ target }) => {
  if (target instanceof HTMLFormElement && target.action.includes("/console/logout")) signingOut = true;
});
addEventListener("pageshow", () => {
  signingOut = false; // it did not come to that, or somebody came back
});

/** Ends the page where the sign-in has ended: to the form, and back here from there. */
export function goToSignIn(): void {
  if (signingOut) return; // the way out is under way, and ends elsewhere
  const here = location.pathname + location.search;
  location.assign(`/console/login?next=${encodeURIComponent(here)}`);
}

/** An icon of the sprite. */
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.classList.add("icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${meta("icons")?.content ?? ""}#i-${name}`);
  svg.append(use);
  return svg;
}
