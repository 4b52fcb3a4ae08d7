// The dialog in which a customer starts a conversation.

import { tell } from "./door.js";
import { make, nameOf } from "./people.js";

const dialog = document.getElementById("starter");
const contact = document.getElementById("contact");
const newCustomer = document.getElementById("new-customer");
const field = (id) => document.getElementById(id);

export function openStarter(contacts) {
  contact.replaceChildren(make("option", "", "Somebody new"));
  contact.firstChild.value = "";
  for (const one of [...contacts].reverse()) {
    const option = make("option", "", nameOf(one) + (one.name && one.email ? ` (${one.email})` : ""));
    option.value = one.id;
    contact.append(option);
  }
  newCustomer.hidden = false;
  dialog.showModal();
  field("name").focus();
}

export function prepareStarter(onStarted, onError) {
  contact.addEventListener("change", () => {
    newCustomer.hidden = contact.value !== "";
  });
  field("cancel").addEventListener("click", () => dialog.close());
  field("start-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = { text: field("first").value, source_type: field("source").value };
    if (contact.value) body.contact_id = contact.value;
    else {
      body.name = field("name").value.trim() || null;
      body.email = field("email").value.trim() || null;
    }
    try {
      const started = await tell("customer/start", body);
      dialog.close();
      field("start-form").reset();
      onStarted(started.conversation_id);
    } catch (error) {
      onError(error);
    }
  });
}
