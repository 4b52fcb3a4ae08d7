// Files in the talk: pictures show themselves, everything can be fetched.

import { h, icon, type Attributes } from "../dom.ts";
import type { Attachment } from "../protocol.ts";
import { later, V1 } from "../realm.ts";
import { t } from "../texts.ts";
import { fetchAs } from "../visitor.ts";
import { PAPER } from "./icons.ts";
import { size } from "./parts.ts";

// What a browser draws without running anything in it: SVG is not among them.
export const PICTURE = /^image\/(png|jpeg|gif|webp|avif)$/;

export function attachment(file: Attachment): HTMLElement {
  const { name, content_type } = file;
  // Whatever name the gateway knows itself by: we ask where the page found it.
  const [, path] = /\/widget\/v1\/(files\/[^/?]+)$/.exec(file.url) ?? [];
  const small = h("small", {}, file.size ? size(file.size) : "");
  const inside = [icon(PAPER), h("span", {}, h("b", {}, name), small)];
  const look: Attributes = { class: "file" };
  if (!path) {
    return h("a", { ...look, href: file.url, target: "_blank", rel: "noopener noreferrer" }, ...inside);
  }
  const bytes = async (type: string): Promise<string> =>
    URL.createObjectURL(new Blob([await (await fetchAs("GET", V1 + path)).blob()], { type }));
  const save = async (): Promise<void> => {
    try {
      // Never as what it says it is: nothing of it shall run in the page's name.
      const href = await bytes("application/octet-stream");
      h("a", { href, download: name }).click();
      later(() => URL.revokeObjectURL(href), 60_000);
    } catch {
      small.textContent = t("failed");
    }
  };
  const card = h("button", { ...look, type: "button", click: save }, ...inside);
  const preview = async (): Promise<void> => {
    const image = h("img", { alt: "", src: await bytes(content_type) });
    image.onload = () => URL.revokeObjectURL(image.src);
    image.onerror = () => image.remove();
    card.classList.add("picture");
    card.firstChild!.replaceWith(image);
  };
  if (PICTURE.test(content_type)) preview().catch(() => null); // the card can still be asked for it
  return card;
}
