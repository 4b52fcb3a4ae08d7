// The middle: the thread of one conversation. Parts already shown are left alone.

import { clock, day, dress, make, moment } from "./people.js";
import { richText } from "./rich.js";

const EVENTS = {
  close: (part) => `${who(part)} closed the conversation`,
  open: (part) => `${who(part)} reopened the conversation`,
  snoozed: (part) => `${who(part)} snoozed the conversation`,
  unsnoozed: (part) => `${who(part)} woke the conversation`,
  assignment: (part) => assigned(part),
  assign_and_reopen: (part) => `${assigned(part)} and reopened the conversation`,
};

const thread = document.getElementById("thread");
let shownId = null;

export function showThread(conversation) {
  const fresh = conversation.id !== shownId;
  if (fresh) thread.replaceChildren();
  shownId = conversation.id;
  const atEnd = fresh || thread.scrollHeight - thread.scrollTop - thread.clientHeight < 80;
  const known = new Map([...thread.children].map((item) => [item.dataset.key, item]));
  let lastDay = "";
  let place = 0;
  for (const part of conversation.parts) {
    if (day(part.created_at) !== lastDay) {
      lastDay = day(part.created_at);
      put(`day ${lastDay}`, () => make("li", "day", lastDay));
    }
    // A redacted part changes its key, so that it is drawn again.
    put(`${part.id} ${part.redacted}`, () => draw(part, conversation));
  }
  while (thread.children.length > place) thread.lastChild.remove();
  if (atEnd) thread.scrollTop = thread.scrollHeight;

  function put(key, build) {
    let item = known.get(key);
    if (!item) {
      item = build();
      item.dataset.key = key;
    }
    if (thread.children[place] !== item) thread.insertBefore(item, thread.children[place] || null);
    place += 1;
  }
}

function draw(part, conversation) {
  const item = make("li", "entry");
  const says = part.html || part.attachments.length;
  if (says) item.append(message(part, conversation));
  const event = EVENTS[part.part_type];
  if (event && !(says && part.author.type !== "admin" && part.part_type === "open")) {
    const line = make("p", "event");
    const words = make("span", "", event(part));
    words.append(make("time", "", ` · ${clock(part.created_at)}`));
    line.append(words);
    item.append(line);
  } else if (!says) {
    item.append(make("p", "event", part.part_type.replaceAll("_", " ")));
  }
  return item;
}

function message(part, conversation) {
  const kind = kindOf(part);
  const box = make("article", `message ${kind}`);
  const name = part.author.name || (kind === "customer" ? "Customer" : "Unknown");
  const head = make("header");
  head.append(make("span", "name", name));
  if (kind === "ai") head.append(make("span", "badge", "AI"));
  if (kind === "fin") head.append(make("span", "badge", "Bot"));
  if (kind === "note") head.append(make("span", "badge", "Private note"));
  if (part.redacted) head.append(make("span", "badge", "Redacted"));
  const time = make("time", "", clock(part.created_at));
  time.dateTime = new Date(part.created_at * 1000).toISOString();
  time.title = moment(part.created_at);
  head.append(time);
  const body = make("div", "body");
  if (part.part_type === "source" && conversation.subject) {
    body.append(make("p", "subject", conversation.subject));
  }
  body.append(richText(part.html));
  for (const file of part.attachments) body.append(make("p", "file", `[Attachment] ${file.name || ""}`));
  const side = make("div", "side");
  side.append(head, body);
  const avatar = dress(make("span", "avatar"), name, part.author.is_bot_seat ? "ai" : "person");
  avatar.setAttribute("aria-hidden", "true");
  box.append(avatar, side);
  return box;
}

function kindOf(part) {
  if (part.part_type === "note") return "note";
  if (part.author.type === "bot") return "fin";
  if (part.author.type !== "admin") return "customer";
  return part.author.is_bot_seat ? "ai" : "teammate";
}

function who(part) {
  return part.author.name || "Someone";
}

function assigned(part) {
  if (part.assigned_to === part.author.name) return `${who(part)} took the conversation`;
  if (part.assigned_to === "nobody") return `${who(part)} unassigned the conversation`;
  return `${who(part)} assigned the conversation to ${part.assigned_to || "someone"}`;
}
