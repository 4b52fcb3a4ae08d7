// Names, initials and times as a person reads them.

export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

export function nameOf(contact) {
  return contact.name || contact.email || `Visitor ${contact.id.slice(0, 4)}`;
}

export function dress(avatar, name, kind) {
  const initials = [...name.replace(/\(.*\)|[^\p{L}\p{N}\s]/gu, "").trim().split(/\s+/).slice(0, 2)]
    .map((word) => [...word][0] || "")
    .join("");
  avatar.textContent = kind === "nobody" ? "–" : kind === "ai" ? "AI" : initials.toUpperCase();
  avatar.dataset.kind = kind;
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 997;
  avatar.dataset.hue = String(sum % 6);
  return avatar;
}

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

export function day(seconds) {
  const options = { weekday: "long", day: "numeric", month: "long" };
  return new Date(seconds * 1000).toLocaleDateString("en-GB", options);
}

export function moment(seconds) {
  return new Date(seconds * 1000).toLocaleString("en-GB");
}

export function ago(seconds) {
  const passed = Math.max(0, Date.now() / 1000 - seconds);
  if (passed < 60) return "now";
  if (passed < 3600) return `${Math.floor(passed / 60)} min`;
  if (passed < 86400) return `${Math.floor(passed / 3600)} h`;
  return `${Math.floor(passed / 86400)} d`;
}
