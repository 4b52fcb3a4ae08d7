"""A random walk of people, Intercom, workers and trouble around one customer; then all agree.

`CONTACT_PUSH_STEPS=2000 pytest -n 0 tests/story/test_contacts_walk.py` is the long walk.
"""

from __future__ import annotations

import os
import random

from gateway.contacts.details import same, winning
from gateway.contacts.trees import load_one
from tests.rig import Rig
from tests.story.test_contacts import Desk

STEPS = int(os.environ.get("CONTACT_PUSH_STEPS", "40"))
DETAILS = ("name", "email", "phone", "external_id")
FAULTS = (
    ("rate_limited", "contact_update"), ("unavailable", "contact_get"),
    ("server_error_after", "contact_update"), ("timeout_after", "contact_update"),
    ("timeout_before", "contact_update"), ("timeout_before", "contact_get"),
)  # fmt: skip


class Walk:
    """Takes steps; `said` are the words that people said of each detail."""

    def __init__(self, it: Rig, seed: int) -> None:
        self.it = it
        self.desk = Desk(it)
        self.chance = random.Random(seed)
        self.said: dict[str, set[str | None]] = {name: set() for name in DETAILS}
        self.now_theirs = self.desk.theirs

    def step(self) -> None:
        steps = (
            (self.edits, 5), (self.verifies, 2), (self.changes_there, 3), (self.goes_wrong, 2),
            (self.works, 6), (self.time_passes, 5), (self.hears, 4), (self.merges, 0.4),
        )  # fmt: skip
        acts, weights = zip(*steps, strict=True)
        (act,) = self.chance.choices(acts, weights)
        act()

    def value(self, name: str) -> str | None:
        if self.chance.random() < 0.15 and name in ("phone", "name"):
            return None
        number = self.chance.randrange(5)
        return {
            "name": f"Name {number}", "email": f"e{number}@acme.test",
            "phone": f"+353 1 555 01{number:02}", "external_id": f"x{number}",
        }[name]  # fmt: skip

    def edits(self) -> None:
        names = self.chance.sample(DETAILS, self.chance.choice((1, 1, 2)))
        given = {name: self.value(name) for name in names}
        for name, value in given.items():
            self.said[name].add(value)
        self.desk.edits(**given)

    def verifies(self) -> None:
        card = self.desk.card
        shown = [name for name in DETAILS if card[name] is not None]
        if shown:
            name = self.chance.choice(shown)
            self.said[name].add(card[name])
            self.desk.posts("/verify", detail=name)

    def changes_there(self) -> None:
        """In Intercom something is changed; now and then the notification is lost."""
        name = self.chance.choice(DETAILS)
        self.it.advance(1)
        self.it.world.update_contact(self.now_theirs, **{name: self.value(name)})
        if self.chance.random() < 0.4:
            self.it.standin.notifier.take()

    def goes_wrong(self) -> None:
        kind, where = self.chance.choice(FAULTS)
        self.it.standin.faults.add(kind, where=where)

    def works(self) -> None:
        self.it.work("sync")

    def time_passes(self) -> None:
        self.it.advance(self.chance.choice((1, 3, 12, 25, 60)))

    def hears(self) -> None:
        self.chance.shuffle(self.it.standin.notifier.pending)
        self.it.hear()

    def merges(self) -> None:
        """Into a new user, who has what the old one had; nobody tells of it."""
        world = self.it.world
        old = self.desk.there(self.now_theirs)
        old.role = "lead"
        self.it.advance(1)
        user = world.add_contact(
            old.name, email=old.email, phone=old.phone, external_id=f"user-of-{old.id}", tell=False
        ).contact
        world.merge_contacts(old.id, user.id)
        self.it.standin.notifier.take()
        self.now_theirs = user.id

    def comes_to_rest(self) -> None:
        self.it.standin.faults.clear()
        for _ in range(8):
            self.it.advance(61)
            self.it.settle()
        # And once more everything is told.
        self.it.world.update_contact(self.now_theirs)
        self.it.settle()

    def agrees(self) -> None:
        rows = self.desk.rows()
        assert {row.state for row in rows} <= {"sent", "cancelled", "failed"}
        with self.it.parts.database.read() as db:
            won = winning(load_one(db, self.desk.card["id"]).statements)
        there = self.desk.there(self.now_theirs)
        followed = self.now_theirs in {one["id"] for one in self.desk.card["identities"]}
        for name in DETAILS if followed else ():
            theirs, word = getattr(there, name), won.get(name)
            if word is None or word.source.id in (self.desk.theirs, "lead"):
                continue
            assert same(name, word.value, theirs), (name, word, theirs)
        for body in self.desk.puts():
            for name, value in body.items():
                assert value in self.said[name], (name, value)
        self.never_blindly_twice()

    def never_blindly_twice(self) -> None:
        """Between two writes the contact was read, each time."""
        looked: dict[str, bool] = {}
        for call in self.it.standin.requests:
            if call.kind == "contact_get" and call.status == 200:
                looked[call.path] = True
            elif call.kind == "contact_update":
                assert looked.get(call.path), call
                looked[call.path] = False


def test_in_the_end_all_agree(it: Rig) -> None:
    walk(it, 2)


def test_in_the_end_all_agree_on_either_database(on_both: Rig) -> None:
    walk(on_both, 3)


def walk(it: Rig, seed: int) -> None:
    walker = Walk(it, seed)
    for _ in range(STEPS):
        walker.step()
    walker.comes_to_rest()
    walker.agrees()
