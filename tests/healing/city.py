"""Many conversations at once, of which a gateway hears only part, some of it twice and in no order.

Customers, teammates, teams, Fin and the bot's seat take turns in the stand-in; its faults decide
what is lost and what comes twice, and what is left arrives in random order, some of it late.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from gateway.clock import to_micros
from gateway.events import Answer, HandoverRequest, Turn
from gateway.inbox import Arrival, Receipt, pinned
from gateway.reading.passes import find_pass
from gateway.reconciling import passes
from intercom_standin.gate import Call
from intercom_standin.ledger import NotAllowed, NotThere
from tests.rig import AOIFE, BOT, CHANNEL, MAREK, TEAM, Rig

PEOPLE = (AOIFE, MAREK)
HOLDERS = (AOIFE, MAREK, f"team:{TEAM}", "team:5017702", "bot", "bot", "bot", "fin", "nobody")


class Town:
    """A workspace full of conversations, and a gateway that hears of them badly."""

    def __init__(self, it: Rig, seed: int, *, lost: float, twice: float) -> None:
        self.it = it
        self.random = random.Random(seed)
        self.spoken_over: list[str] = []
        self._said = 0
        self._late: list[Any] = []
        self._faults = (lost, twice)
        it.standin.faults.reseed(seed)
        it.standin.faults.hooks.before_effect = self._watch
        it.agent.ask = self._answer  # type: ignore[method-assign]
        self.misbehave()

    @property
    def world(self) -> Any:
        return self.it.world

    def misbehave(self) -> None:
        """From now on notifications are lost and come twice."""
        lost, twice = self._faults
        self.it.standin.faults.add("drop", count=None, probability=lost)
        self.it.standin.faults.add("duplicate", count=None, probability=twice)

    # -- what happens ------------------------------------------------------------------------------

    def opens(self) -> str:
        """A customer starts a conversation."""
        more: dict[str, Any] = {}
        if self.random.random() < 0.1:
            more = {"source_type": "email", "subject": "Help"}
        name = self.random.choice(["Cleo", "Dara", "Eve", None])
        started = self.world.customer_starts(self._words(), name=name, **more)
        return str(started.conversation.id)

    def steps(self, conversation: str) -> None:
        """One thing happens in a conversation."""
        chosen: Callable[[str], None] = self.random.choices(
            [self._customer, self._assigns, self._replies, self._notes, self._closes,
             self._reopens, self._fin, self._redacts, self._contact, self._deletes],
            [34, 24, 12, 4, 7, 3, 2, 2, 9, 0.7],
        )[0]  # fmt: skip
        try:
            chosen(conversation)
        except (NotAllowed, NotThere):
            return  # not in the state that it is in

    def _customer(self, conversation: str) -> None:
        self.world.customer_replies(conversation, self._words())

    def _assigns(self, conversation: str) -> None:
        by = self.random.choice(PEOPLE)
        self.world.assign(conversation, self.random.choice(HOLDERS), by=by)

    def _replies(self, conversation: str) -> None:
        self.world.admin_replies(conversation, self.random.choice(PEOPLE), self._words())

    def _notes(self, conversation: str) -> None:
        self.world.admin_notes(conversation, self.random.choice(PEOPLE), self._words())

    def _closes(self, conversation: str) -> None:
        text = self._words() if self.random.random() < 0.3 else ""
        self.world.close(conversation, self.random.choice(PEOPLE), text=text)

    def _reopens(self, conversation: str) -> None:
        operation = self.random.choice([self.world.open, self.world.snooze])
        operation(conversation, self.random.choice(PEOPLE))

    def _fin(self, conversation: str) -> None:
        self.world.fin_writes(conversation, self._words())

    def _redacts(self, conversation: str) -> None:
        worded = [one.id for one in self.world.conversation(conversation).parts if one.body]
        if worded:
            self.world.redact(conversation, self.random.choice(worded))

    def _contact(self, conversation: str) -> None:
        contact = self.world.conversation(conversation).contact
        self._said += 1
        self.world.update_contact(contact.id, email=f"c{self._said}@customer.example")

    def _deletes(self, conversation: str) -> None:
        self.world.delete_conversation(conversation)

    def _words(self) -> str:
        self._said += 1
        return f"Words {self._said}."

    # -- what is heard -----------------------------------------------------------------------------

    def hears(self, *, all_of_it: bool = False) -> None:
        """Some of what waits arrives, in any order and in groups; the rest is late."""
        waiting = self._late + self.it.standin.notifier.take()
        self.random.shuffle(waiting)
        now = len(waiting) if all_of_it else int(len(waiting) * 0.8)
        self._late = waiting[now:]
        for start in range(0, now, 16):
            self._arrive(waiting[start : start + 16][: now - start])

    def _arrive(self, notifications: list[Any]) -> None:
        channel = self.it.parts.channels[CHANNEL]
        arrivals = []
        for notification in notifications:
            body, headers = self.it.standin.notifier.signed(notification)
            channel.receiver.verify(headers, body)
            envelope = channel.receiver.read_envelope(body)
            events = channel.receiver.translate(envelope).events
            arrivals.append(Arrival(channel=channel, envelope=envelope, body=body, events=events))
        for receipt in self.it.parts.inbox.keep_together(arrivals):
            assert isinstance(receipt, Receipt), receipt
            assert receipt.state == "applied"

    def forgets(self) -> None:
        """What was late never comes."""
        self._late = []

    # -- the pass ----------------------------------------------------------------------------------

    def reconciles(self) -> dict[str, Any]:
        """Run one pass to its end; returns what it found."""
        return reconcile(self.it)

    # -- the AI ------------------------------------------------------------------------------------

    def _answer(self, turn: Turn) -> Answer:
        self.it.agent.turns.append(turn)
        words = [one for one in turn.messages if one.author.kind == "customer"]
        new = [one.text for one in words if one.new] or [one.text for one in words[-1:]]
        said = ["On " + " ".join(new)]
        if self.random.random() < 0.05:
            return Answer(messages=said, handover=HandoverRequest(trigger="automatic"))
        return Answer(messages=said)

    def _watch(self, call: Call) -> None:
        """P1 as Intercom sees it: whoever holds the conversation when the AI's words come in."""
        if call.kind != "reply" or call.conversation_id is None:
            return
        held = self.world.conversation(call.conversation_id).holding
        ours = held.bot_id is None and (
            str(held.admin_id) == BOT or (held.admin_id is None and held.team_id is None)
        )
        if not ours:
            self.spoken_over.append(f"{call.conversation_id} held by {held}")


def reconcile(it: Rig) -> dict[str, Any]:
    """Begin a pass and work until it is over; returns what it found."""
    with it.parts.database.read() as db:
        home = pinned(db, it.parts.channels[CHANNEL])
    assert home is not None
    now = to_micros(it.clock.now())
    id = it.parts.database.write(lambda db: passes.begin(db, home, asked_by="command", now=now))
    work = it.bench.works["sync"]
    for _ in range(100_000):
        with it.parts.database.read() as db:
            seen = find_pass(db, id)
        if seen["ended_at"] is not None:
            return dict(seen)
        keys = work.due(50)
        for key in keys:
            work.do(key)
        if not keys:
            it.advance(1)
    raise AssertionError(f"the pass never ends: {seen}")
