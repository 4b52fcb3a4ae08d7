// Elements, made in the app's own clean document and adopted by the page's.

export type Child = Node | string | null | undefined | false;
type Listener = (event: never) => void;
export type Attributes = Record<string, string | number | boolean | null | undefined | Listener>;

/** Make an element: functions become listeners, `true` an empty attribute, `false` and null none. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const name in attributes) {
    const value = attributes[name];
    if (typeof value === "function") element.addEventListener(name, value as EventListener);
    else set(element, name, value);
  }
  element.append(...children.filter((child): child is Node | string => !!child));
  return element;
}

/** An element of which only the class matters. */
export function div(name: string, ...children: Child[]): HTMLElement {
  return h("div", { class: name }, ...children);
}

/** Set an attribute or take it away. */
export function set(element: Element, name: string, value: unknown): void {
  if (value === false || value == null) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : (value as string));
}

/** Say it, unless it is said: a screen reader reads what is set, be it the same. */
export function say(element: Element, words: string): void {
  if (element.textContent !== words) element.textContent = words;
}

/** A line drawing of 24 by 24. */
export function icon(path: string): SVGElement {
  const make = (tag: string): SVGElement =>
    document.createElementNS("http://www.w3.org/2000/svg", tag) as SVGElement;
  const svg = make("svg");
  const line = make("path");
  set(svg, "viewBox", "0 0 24 24");
  set(svg, "aria-hidden", "true");
  set(line, "d", path);
  svg.append(line);
  return svg;
}
