/** One's own picture: chosen, shown as it will be, then kept. Any size is made small right here. */

import { call, Refused } from "./api.ts";
import { toastNext } from "./toasts.ts";

const SIDE = 256;

export function installPicture(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-picture]");
  const input = form?.querySelector<HTMLInputElement>("input[type=file]");
  const seen = form?.querySelector<HTMLElement>(".avatar");
  const save = form?.querySelector<HTMLButtonElement>("[data-picture-save]");
  const problem = form?.querySelector<HTMLElement>("[data-picture-problem]");
  if (!form || !input || !seen || !save || !problem) return;
  let picture: Blob | null = null;
  const say = (text: string): void => {
    problem.textContent = text;
    problem.hidden = text === "";
  };
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    if (file === undefined) return;
    say("");
    small(file)
      .then((made) => {
        picture = made;
        save.disabled = false;
        show(seen, made);
      })
      .catch(() => {
        picture = null;
        save.disabled = true;
        say("This browser cannot read it as a picture. Choose a PNG, JPEG, WebP or GIF.");
      });
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (picture === null) return;
    save.disabled = true;
    call("PUT", form.dataset["picture"] ?? "", { body: picture })
      .then(() => {
        toastNext("Picture saved");
        location.reload();
      })
      .catch((error: unknown) => {
        if (!(error instanceof Refused)) throw error;
        save.disabled = false;
        say(error.message);
      });
  });
}

/** The middle of a picture as a small square. */
async function small(file: File): Promise<Blob> {
  const whole = await createImageBitmap(file);
  const side = Math.min(whole.width, whole.height);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.min(side, SIDE);
  const pen = canvas.getContext("2d");
  if (pen === null) throw new Error("nothing can be drawn here");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(
    whole, (whole.width - side) / 2, (whole.height - side) / 2, side, side, 0, 0, canvas.width, canvas.height,
  );
  whole.close();
  return new Promise((resolve, reject) => {
    canvas.toBlob((made) => (made ? resolve(made) : reject(new Error("no picture came of it"))), "image/webp", 0.9);
  });
}

function show(seen: HTMLElement, picture: Blob): void {
  const image = document.createElement("img");
  image.alt = "";
  image.src = URL.createObjectURL(picture);
  image.addEventListener("load", () => URL.revokeObjectURL(image.src));
  seen.replaceChildren(image);
}
