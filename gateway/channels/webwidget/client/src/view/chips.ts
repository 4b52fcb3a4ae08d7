// Files that are about to be sent: chosen, dropped or pasted; uploaded while the visitor writes.

import { refusal, Refused } from "../calls.ts";
import { h, icon, set, type Child } from "../dom.ts";
import type { Attachment, Config } from "../protocol.ts";
import { V1 } from "../realm.ts";
import { t } from "../texts.ts";
import { config, ready, token } from "../visitor.ts";
import { PICTURE } from "./attachments.ts";
import { CLOSE, PAPER } from "./icons.ts";
import { button, iconButton, size } from "./parts.ts";

interface Chip {
  row: HTMLElement;
  /** What the gateway has; null while it is on its way, or refused. */
  attachment?: Attachment;
  request?: XMLHttpRequest | undefined;
}

export const chips = h("ul", { class: "chips" });
let all: Chip[] = [];
let changed: () => void;

export function onChips(act: () => void): void {
  changed = act;
}

/** What can be sent now. */
export function uploaded(): Attachment[] {
  return all.flatMap(({ attachment }) => attachment ?? []);
}

export function uploading(): boolean {
  return all.some(({ request }) => request);
}

/** Take files; false if there are none, or none are wanted. */
export function addFiles(files: FileList | undefined | null): boolean {
  const limits = config()?.files;
  if (!limits || !files?.length) return false;
  for (const file of Array.from(files)) {
    const picture = h("img", { alt: "" });
    if (PICTURE.test(file.type)) picture.src = URL.createObjectURL(file);
    picture.onload = () => URL.revokeObjectURL(picture.src);
    const room = all.length < limits.most;
    const chip = show(file.name, picture.src ? picture : icon(PAPER));
    if (!room) fail(chip, t("atMost", limits.most + " 📎"));
    else if (file.size > limits.max_bytes) fail(chip, tooLarge(limits));
    else void send(chip, file, limits);
  }
  return true;
}

/** Show what was uploaded before the page was loaded anew. */
export function restore(attachments: Attachment[]): void {
  for (const attachment of attachments) show(attachment.name, icon(PAPER)).attachment = attachment;
}

/** They have been said. */
export function clear(sent: Attachment[]): void {
  for (const chip of all) if (sent.includes(chip.attachment!)) drop(chip);
}

function tooLarge({ max_bytes }: { max_bytes: number }): string {
  return t("atMost", size(max_bytes));
}

async function send(chip: Chip, file: File, limits: NonNullable<Config["files"]>): Promise<void> {
  const bar = h("progress", { "aria-label": file.name });
  chip.row.append(bar);
  try {
    chip.attachment = await upload(chip, file, (part) => set(bar, "value", part));
  } catch (error) {
    const { code } = error as Refused;
    const again = button(t("retry"), () => {
      again.parentElement!.remove();
      void send(chip, file, limits);
    });
    if (code === "too_large") fail(chip, tooLarge(limits));
    else if (code === "type_not_allowed") fail(chip, t("wrongType"));
    else fail(chip, t("failed"), again);
  }
  chip.request = undefined;
  bar.remove();
  changed();
}

/** By XMLHttpRequest, the only way that tells how far it got. */
async function upload(chip: Chip, file: File, progress: (part: number) => void): Promise<Attachment> {
  const request = (chip.request = new XMLHttpRequest());
  changed();
  await ready();
  return new Promise((done, failed) => {
    request.open("POST", V1 + "files");
    request.setRequestHeader("Authorization", "Bearer " + token());
    request.upload.onprogress = ({ loaded, total }) => progress(loaded / total);
    request.onload = () => {
      const { status, responseText } = request;
      if (status === 201) done(JSON.parse(responseText) as Attachment);
      else failed(refusal(status, responseText, null));
    };
    request.onerror = request.onabort = () => failed(new Refused(0, ""));
    const form = new FormData();
    form.append("file", file);
    request.send(form);
  });
}

function show(name: string, picture: Element): Chip {
  const row = h("li", {}, picture, h("span", {}, name));
  const chip: Chip = { row };
  row.append(iconButton(`${t("delete")}: ${name}`, CLOSE, () => drop(chip)));
  chips.append(row);
  all.push(chip);
  return chip;
}

function fail({ row }: Chip, ...words: Child[]): void {
  row.append(h("small", { class: "wrong", role: "alert" }, ...words));
}

function drop(chip: Chip): void {
  all = all.filter((one) => one !== chip);
  chip.request?.abort();
  chip.row.remove();
  changed();
}
