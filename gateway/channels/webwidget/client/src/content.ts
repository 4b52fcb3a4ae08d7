// A message's content tree becomes elements. No HTML is parsed, so none can be smuggled in; what is
// not on the list is shown as its children, however the tree was made.

import { h, type Child } from "./dom.ts";
import type { Content } from "./protocol.ts";

const TAGS = new Set("p br strong em s code pre ul ol li a blockquote h1 h2 h3 img hr".split(" "));
const LINK = /^(https?:\/\/|mailto:|tel:)/i;
const PICTURE = /^https:\/\//i;
// Deeper than anybody writes; a tree made to overflow the stack is cut off here.
const DEEPEST = 24;

export function render(content: Content, depth = 0): Child[] {
  if (!Array.isArray(content) || depth > DEEPEST) return [];
  return content.flatMap((node: unknown): Child[] => {
    if (typeof node === "string") return [node];
    if (!Array.isArray(node)) return [];
    const [tag, attributes, children] = node as [unknown, unknown, Content];
    const inside = render(children, depth + 1);
    if (typeof tag !== "string" || !TAGS.has(tag)) return inside;
    const said = (attributes ?? {}) as Record<string, unknown>;
    if (tag === "a") return [link(said["href"], inside)];
    if (tag === "img") return [picture(said["src"], said["alt"])];
    // A bubble is a message, and no part of the page's outline.
    if (/^h\d/.test(tag)) return [h("p", {}, h("strong", {}, ...inside))];
    return [h(tag as "p", tag === "pre" ? { tabindex: 0 } : {}, ...inside)];
  });
}

function link(href: unknown, inside: Child[]): Child {
  if (typeof href !== "string" || !LINK.test(href)) return h("span", {}, ...inside);
  return h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...inside);
}

function picture(src: unknown, alt: unknown): Child {
  const words = typeof alt === "string" ? alt : "";
  if (typeof src !== "string" || !PICTURE.test(src)) return words;
  const image = h("img", { src, alt: words, loading: "lazy", referrerpolicy: "no-referrer" });
  // A page whose policy forbids foreign pictures still offers the way to it.
  image.onerror = () => image.replaceWith(link(src, [words || src]) as Node);
  return image;
}
