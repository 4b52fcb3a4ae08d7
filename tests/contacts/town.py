"""Customers who come by several channels, and people who tell them apart; on a clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import select

from gateway import contacts
from gateway.clock import MovableClock, to_micros
from gateway.contacts import cards, editing, joins
from gateway.contacts.details import Source
from gateway.contacts.learning import learn
from gateway.contacts.visible import visible_to
from gateway.events import ContactSeen
from gateway.store import Database, Transaction
from gateway.store.models import Contact, Installation
from gateway.store.sql import insert_into

T = TypeVar("T")

CHANNELS = ("chat", "shop")
ANN = Source(kind="operator", id="opr_ann", name="Ann")


class Town:
    """Short ways to say things of customers; each call is a second later than the last one."""

    def __init__(self, url: str, *, founded: bool = False) -> None:
        """`founded`: the channels are there already."""
        self.clock = MovableClock(datetime(2026, 11, 22, 16, 0, tzinfo=UTC))
        self.database = Database(url, clock=self.clock)
        if not founded:
            self.database.write(self._open)

    def _open(self, db: Transaction) -> None:
        for channel in CHANNELS:
            db.execute(
                insert_into(db, Installation).values(
                    id=f"ins_{channel}", channel=channel, slot="", external_id=channel,
                    created_at=self.now,
                )
            )  # fmt: skip

    @property
    def now(self) -> int:
        return to_micros(self.clock.now())

    def do(self, work: Callable[[Transaction], T]) -> T:
        self.clock.advance(1)
        return self.database.write(work)

    # -- what happens ------------------------------------------------------------------------------

    def sees(self, who: str, channel: str = "chat", /, **said: Any) -> str:
        """A channel says something of a customer; our id of the contact it came with."""
        self.clock.advance(1)
        seen = ContactSeen(id=who, **{"as_of": self.now, **said})
        (found,) = self.database.write(
            lambda db: contacts.see(db, f"ins_{channel}", [seen], self.now)
        )
        return found

    def edits(self, contact: str, **given: Any) -> None:
        named = {name.replace("custom_", "custom."): value for name, value in given.items()}
        self.do(
            lambda db: editing.edit(db, editing.open_contact(db, contact), named, ANN, self.now)
        )

    def verifies(self, contact: str, detail: str, value: Any = None) -> None:
        self.do(
            lambda db: editing.verify(
                db, editing.open_contact(db, contact), detail, ANN, self.now, value
            )
        )

    def learns(self, contact: str, session: str = "ses_1", **found: Any) -> None:
        fields = {name: f"parameters.found.{name.replace('.', '_')}" for name in found}
        given = {name.replace(".", "_"): value for name, value in found.items()}
        self.do(
            lambda db: learn(
                db, contact, fields, {"parameters": {"found": given}, "results": {}},
                agent="support", session_id=session, now=self.now,
            )
        )  # fmt: skip

    def merges(self, contact: str, other: str) -> str:
        return self.do(lambda db: editing.merge(db, contact, other, ANN, self.now))

    def splits(self, join: str) -> tuple[str, str]:
        return self.do(lambda db: joins.undo(db, join, source=ANN, now=self.now))

    def dismisses(self, contact: str, other: str) -> None:
        self.do(lambda db: editing.dismiss(db, contact, other, ANN, self.now))

    # -- looking -----------------------------------------------------------------------------------

    def card(self, contact: str) -> Any:
        with self.database.read() as db:
            return cards.find_contact(db, contact)

    def listed(self, q: str | None = None) -> list[str]:
        with self.database.read() as db:
            return [card["id"] for card in cards.find_contacts(db, q, limit=500).items]

    def suggested(self, contact: str) -> list[Any]:
        with self.database.read() as db:
            return list(cards.find_suggestions(db, contact, limit=500).items)

    def history(self, contact: str) -> list[Any]:
        with self.database.read() as db:
            return list(cards.find_history(db, contact, limit=500).items)

    def visible(self, contact: str) -> set[str]:
        with self.database.read() as db:
            return visible_to(db, contact)

    def standing(self) -> dict[str, str]:
        with self.database.read() as db:
            rows = db.execute(select(Contact.id, Contact.joined_into)).all()
        return {row.id: row.joined_into or row.id for row in rows}
