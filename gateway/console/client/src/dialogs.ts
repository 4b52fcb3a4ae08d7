/** Dialogs, and what opens and closes: all by attributes, so that parts that come later work too. */

export function installDialogs(): void {
  document.addEventListener("click", (event) => {
    const from = event.target instanceof Element ? event.target : null;
    const opener = from?.closest<HTMLElement>("[data-open-dialog]");
    if (opener && opener.getAttribute("aria-disabled") !== "true") {
      const dialog = document.getElementById(opener.dataset["openDialog"] ?? "");
      if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
      return;
    }
    if (from?.closest("[data-close-dialog]")) {
      from.closest("dialog")?.close();
      return;
    }
    // A click beside the dialog: its own box is the only part of it that is not inside something.
    if (from instanceof HTMLDialogElement && isBeside(from, event)) from.close();
    const toggle = from?.closest<HTMLElement>("[data-toggle]");
    if (toggle) {
      const target = document.getElementById(toggle.dataset["toggle"] ?? "");
      const opened = target?.toggleAttribute("data-open") ?? false;
      toggle.setAttribute("aria-expanded", String(opened));
    }
  });
}

function isBeside(dialog: HTMLDialogElement, event: MouseEvent): boolean {
  const box = dialog.getBoundingClientRect();
  const inside =
    event.clientX >= box.left &&
    event.clientX <= box.right &&
    event.clientY >= box.top &&
    event.clientY <= box.bottom;
  return !inside && event.detail > 0;
}
