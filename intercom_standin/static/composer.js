// The message field: who is writing, what was typed and not yet sent, sending it.

import { tell } from "./door.js";
import { make } from "./people.js";

const form = document.getElementById("composer");
const text = document.getElementById("text");
const by = document.getElementById("by");
const hint = document.getElementById("hint");
const send = document.getElementById("send");
const drafts = new Map();
let conversationId = null;
let customerName = "the customer";

const WORDS = {
  customer: ["Write as the customer", "The gateway hears this as a customer's message.", "Send"],
  reply: ["Reply to the customer", "The customer sees this.", "Send reply"],
  note: ["Leave a note", "Only the team sees this. Never the customer.", "Add note"],
};

export function prepareComposer(onSent, onError) {
  for (const radio of form.elements.mode) {
    radio.addEventListener("change", () => {
      keepDraft();
      form.dataset.mode = mode();
      dressComposer();
      text.value = drafts.get(key()) || "";
    });
  }
  text.addEventListener("input", () => {
    keepDraft();
    grow();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const words = text.value.trim();
    if (!words || send.disabled) return;
    const sent = { mode: mode(), conversationId, draft: key() };
    send.disabled = true;
    try {
      if (sent.mode === "customer") {
        await tell("customer/reply", { conversation_id: conversationId, text: words });
      } else {
        const body = { conversation_id: conversationId, by: by.value, text: words };
        await tell(sent.mode === "note" ? "admin/note" : "admin/reply", body);
      }
      drafts.delete(sent.draft);
      if (key() === sent.draft) text.value = "";
      grow();
      onSent();
    } catch (error) {
      onError(error);
    } finally {
      send.disabled = false;
    }
  });
}

export function showComposer(conversation, admins, name) {
  customerName = name;
  if (by.options.length !== admins.length) {
    by.replaceChildren();
    for (const admin of admins) {
      const option = make("option", "", admin.name);
      option.value = admin.id;
      by.append(option);
    }
    const person = admins.find((admin) => !admin.is_bot_seat);
    if (person) by.value = person.id;
  }
  if (conversation.id !== conversationId) {
    form.dataset.draft = "";
    conversationId = conversation.id;
    text.value = drafts.get(key()) || "";
    grow();
  }
  dressComposer();
}

export function teammate() {
  return by.value;
}

function mode() {
  return form.elements.mode.value;
}

function key() {
  return `${conversationId} ${form.dataset.mode}`;
}

function keepDraft() {
  drafts.set(key(), text.value);
}

function dressComposer() {
  const [label, told, button] = WORDS[mode()];
  const shown = mode() === "customer" ? `Write as ${customerName}` : label;
  if (text.placeholder !== shown) text.placeholder = shown;
  document.getElementById("text-label").textContent = shown;
  hint.textContent = told;
  send.textContent = button;
  document.getElementById("as").hidden = mode() === "customer";
}

function grow() {
  text.rows = Math.min(8, Math.max(2, text.value.split("\n").length));
}
