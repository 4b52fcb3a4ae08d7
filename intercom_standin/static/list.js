// The left side: the list of conversations, newest first, kept without losing the focus.

import { ago, dress, make, nameOf } from "./people.js";

const list = document.getElementById("conversations");
const empty = document.getElementById("no-conversations");
const rows = new Map();

export function showList(conversations, filter, chosenId, onChoose) {
  const shown = conversations.filter((one) => fits(one, filter));
  const focused = document.activeElement;
  for (const [id, row] of rows) {
    if (!shown.some((one) => one.id === id)) {
      row.remove();
      rows.delete(id);
    }
  }
  shown.forEach((conversation, place) => {
    let row = rows.get(conversation.id);
    if (!row) {
      row = build(conversation.id, onChoose);
      rows.set(conversation.id, row);
    }
    fill(row, conversation, conversation.id === chosenId);
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] || null);
  });
  // Moving an element takes the focus from it.
  if (focused && list.contains(focused) && document.activeElement !== focused) focused.focus();
  empty.hidden = shown.length > 0;
}

export function fits(conversation, filter) {
  return filter === "all" || (filter === "open") === (conversation.state === "open");
}

function build(id, onChoose) {
  const row = make("li");
  const button = make("button", "row");
  button.type = "button";
  const words = make("span", "words");
  const top = make("span", "top");
  top.append(make("span", "name"), make("span", "when"));
  const foot = make("span", "foot");
  foot.append(make("span", "holder"), make("span", "state"));
  words.append(top, make("span", "preview"), foot);
  button.append(make("span", "avatar"), words);
  button.addEventListener("click", () => onChoose(id));
  row.append(button);
  return row;
}

function fill(row, conversation, chosen) {
  const button = row.firstChild;
  const name = nameOf(conversation.contact);
  if (chosen) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
  dress(row.querySelector(".avatar"), name, "person").setAttribute("aria-hidden", "true");
  row.querySelector(".name").textContent = name;
  row.querySelector(".when").textContent = ago(conversation.updated_at);
  const said = conversation.parts.filter((part) => part.text && part.part_type !== "note");
  row.querySelector(".preview").textContent = said.length ? said[said.length - 1].text : "";
  const holder = row.querySelector(".holder");
  holder.textContent = conversation.assignee_name;
  holder.dataset.kind = conversation.assignee === "nobody" ? "nobody" : "somebody";
  const state = row.querySelector(".state");
  state.textContent = conversation.state;
  state.dataset.state = conversation.state;
}
