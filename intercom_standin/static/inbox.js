// The page: reads the state every second, draws what changed, passes on what the person does.

import { prepareComposer, showComposer, teammate } from "./composer.js";
import { ask, tell } from "./door.js";
import { fits, showList } from "./list.js";
import { dress, make, nameOf } from "./people.js";
import { openStarter, prepareStarter } from "./starter.js";
import { showThread } from "./thread.js";

const part = (id) => document.getElementById(id);
let state = null;
let chosenId = decodeURIComponent(location.hash.slice(1)) || null;
let filter = "all";
let asking = null;
let pickingUntil = 0;

async function look() {
  // One question at a time, so that an old answer never paints over a newer one.
  if (asking) return asking;
  asking = (async () => {
    try {
      const since = state ? `?since=${state.revision}` : "";
      const answer = await ask(`state${since}`);
      drawWire(answer.notifier);
      if (!answer.unchanged) state = answer;
      draw();
    } catch {
      part("wire").textContent = "The stand-in does not answer";
      part("wire").dataset.state = "lost";
    } finally {
      asking = null;
    }
  })();
  return asking;
}

async function lookAgain() {
  await asking;
  await look();
}

function drawWire(notifier) {
  const { url, disabled, delivered, failed, last_ok: lastOk } = notifier;
  const sent = delivered + failed === 0 ? "none sent yet"
    : `${delivered} delivered` + (failed ? `, ${failed} failed` : "");
  const shown = part("wire");
  const words = !url ? "Nobody is notified yet" : disabled ? "Notifications are disabled (410)" : sent;
  const host = url && !disabled ? make("span", "host", `Notifies ${new URL(url).host}: `) : "";
  shown.replaceChildren(host, make("span", "", words));
  shown.title = url || "";
  shown.dataset.state = !url ? "off" : disabled || lastOk === false ? "lost" : "on";
}

function draw() {
  if (!state) return;
  for (const button of document.querySelectorAll("[data-filter]")) {
    const count = state.conversations.filter((one) => fits(one, button.dataset.filter)).length;
    button.setAttribute("aria-pressed", String(button.dataset.filter === filter));
    button.querySelector("span").textContent = String(count);
  }
  const conversation = state.conversations.find((one) => one.id === chosenId);
  showList(state.conversations, filter, chosenId, choose);
  part("conversation").hidden = !conversation;
  part("welcome").hidden = Boolean(conversation);
  part("welcome-title").textContent = state.conversations.length ? "Pick a conversation" : "The inbox is quiet";
  part("welcome-words").textContent = state.conversations.length ? "Or start one as a customer." : "Start a conversation as a customer.";
  document.body.dataset.view = conversation ? "conversation" : "list";
  if (conversation) drawConversation(conversation);
}

function drawConversation(conversation) {
  const name = nameOf(conversation.contact);
  part("customer").textContent = name;
  const channel = conversation.source_type === "email" ? "E-mail" : "Messenger";
  const stillness = conversation.state === "open" ? "" : conversation.state;
  const facts = [stillness, channel, conversation.contact.email, `#${conversation.id}`];
  part("about").textContent = facts.filter(Boolean).join(" · ");
  part("close").textContent = conversation.state === "open" ? "Close" : "Reopen";
  part("snooze").hidden = conversation.state !== "open";
  drawAssignee(conversation);
  showThread(conversation);
  showComposer(conversation, state.admins, name);
}

function drawAssignee(conversation) {
  const picker = part("assignee");
  if (!picker.options.length) {
    const group = (label, options) => {
      const made = make("optgroup");
      made.label = label;
      for (const [value, name] of options) {
        const option = make("option", "", name);
        option.value = value;
        made.append(option);
      }
      picker.append(made);
    };
    const [bots, people] = [true, false].map((bot) =>
      state.admins.filter((one) => one.is_bot_seat === bot).map((one) => [`admin:${one.id}`, one.name]));
    group("AI agent", bots);
    group("Teammates", people);
    group("Teams", state.teams.map((one) => [`team:${one.id}`, one.name]));
    group("Others", [["nobody", "Unassigned"], ["fin", "Fin (Intercom's own bot)"]]);
  }
  // A picker that is being used must not change under the person's hand.
  if (Date.now() > pickingUntil && picker.value !== conversation.assignee) {
    picker.value = conversation.assignee;
  }
  const bot = state.admins.some((one) => one.is_bot_seat && `admin:${one.id}` === conversation.assignee);
  const kind = conversation.assignee === "nobody" ? "nobody" : bot ? "ai" : "person";
  dress(part("assignee-avatar"), conversation.assignee_name, kind);
  const charge = part("charge");
  charge.dataset.kind = kind;
  charge.textContent = kind === "ai" ? "Assigned to the AI agent's seat. Assign a person and it falls silent."
    : kind === "nobody" ? "Nobody is assigned. Assign a person, a team or the AI agent."
    : `Assigned to ${conversation.assignee_name}. Assign the AI agent's seat and it takes over again.`;
}

function choose(id) {
  chosenId = id;
  history.replaceState(null, "", id ? `#${id}` : "#");
  draw();
  if (id && matchMedia("(min-width: 780px)").matches) part("text").focus();
}

async function act(path, body) {
  try {
    await tell(path, body);
  } catch (error) {
    complain(error);
  }
  await lookAgain();
}

let toastTimer = 0;
function complain(error) {
  part("toast").textContent = error.message;
  part("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { part("toast").hidden = true; }, 6000);
}

for (const begun of ["mousedown", "keydown"]) {
  part("assignee").addEventListener(begun, () => { pickingUntil = Date.now() + 5000; });
}
part("assignee").addEventListener("blur", () => { pickingUntil = 0; });
part("assignee").addEventListener("change", (event) => {
  pickingUntil = 0;
  act("assign", { conversation_id: chosenId, to: event.target.value, by: teammate() });
});
part("close").addEventListener("click", () => {
  const open = part("close").textContent === "Close";
  act(open ? "close" : "open", { conversation_id: chosenId, by: teammate() });
});
part("snooze").addEventListener("click", () => act("snooze", { conversation_id: chosenId, by: teammate() }));
part("back").addEventListener("click", () => {
  const id = chosenId;
  choose(null);
  const rows = [...document.querySelectorAll("#conversations button")];
  if (id && rows.length) rows[0].focus();
});
for (const id of ["new", "new-too"]) {
  part(id).addEventListener("click", () => openStarter(state ? state.contacts : []));
}
for (const button of document.querySelectorAll("[data-filter]")) {
  button.addEventListener("click", () => {
    filter = button.dataset.filter;
    draw();
  });
}
prepareComposer(lookAgain, complain);
prepareStarter(async (id) => {
  chosenId = id;
  await lookAgain();
  choose(id);
}, complain);
look();
setInterval(look, 1000);
