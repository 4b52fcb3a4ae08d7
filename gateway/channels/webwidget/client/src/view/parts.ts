// Small things that several views are made of.

import { h, icon, type Attributes } from "../dom.ts";
import { moments } from "../moments.ts";
import { base, lang } from "../realm.ts";
import { t } from "../texts.ts";
import { config } from "../visitor.ts";
import { PERSON, SPARK } from "./icons.ts";

export const { time, day, size } = moments(lang);

export interface Speaker {
  kind: string;
  name: string | null;
  avatar_url?: string | null;
}

/** A path of the gateway's, or an address, as an address. */
export function address(url: string): string {
  return url[0] === "/" ? base + url : url;
}

/** The name under which somebody speaks. */
export function nameOf({ kind, name }: Speaker): string {
  const isAi = kind === "ai";
  return name || (isAi && config()?.ai_name) || t(isAi ? "assistant" : kind === "customer" ? "you" : "team");
}

/** A round picture; initials or a drawing where there is none. */
export function avatar({ kind, name, avatar_url }: Speaker): HTMLElement {
  const initials = kind === "operator" && name?.replace(/(\S)\S*\s*/gu, "$1").slice(0, 2);
  const inside = initials || icon(kind === "ai" ? SPARK : PERSON);
  const face = h("span", { class: "face " + kind, "aria-hidden": "true" }, inside);
  if (avatar_url) {
    const image = h("img", { src: address(avatar_url), alt: "" });
    image.onerror = () => image.remove(); // what it covers is there already
    face.append(image);
  }
  return face;
}

export function button(name: string, click: () => unknown, style = ""): HTMLButtonElement {
  return h("button", { type: "button", class: style, click }, name);
}

export function iconButton(name: string, path: string, click: () => unknown, more?: Attributes): HTMLButtonElement {
  const attributes = { type: "button", class: "icon", "aria-label": name, title: name, click, ...more };
  return h("button", attributes, icon(path));
}
