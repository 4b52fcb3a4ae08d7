"""Erasing a person: first nobody knows them any more, then nothing of them is left.

The first transaction takes away who they are and ends what is open; the rest goes conversation by
conversation, and goes on after a crash where it was: what is still wanted lies in `erasures`, and
goes itself in the end.
"""

from __future__ import annotations

import math
import time
from functools import partial
from typing import Any

import structlog
from sqlalchemy import func, select, update

from gateway import files
from gateway.clock import to_micros
from gateway.contacts import erased
from gateway.contacts.editing import open_contact
from gateway.conversations import doors
from gateway.conversations.forgetting import forget
from gateway.conversations.thread import lock_conversation
from gateway.errors import Conflict
from gateway.events import SYSTEM
from gateway.inbox.cleaning import forget_bodies, of_conversation
from gateway.privacy import traces
from gateway.privacy.bodies import that_name
from gateway.privacy.person import Person, from_json, person_of, to_json
from gateway.privacy.tables import PERSONAL
from gateway.store import Transaction, new_id
from gateway.store.models import (
    ChatSession,
    Contact,
    Erasure,
    FileRow,
    InboxDelivery,
    Message,
    Visitor,
)
from gateway.store.sql import insert_into
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

ERASED = "the customer was erased"

_DONE = "done"
_TRIES, _NAP_S = 50, 0.1
_SECOND_US = 1_000_000


def begin(db: Transaction, contact_id: str, operator_id: str, reason: str, now: int) -> str:
    """Take away who a person is, for good; return the erasure's id, which `Erasing` finishes.

    Raises NotFound, and Conflict for somebody who was erased.
    """
    tree = open_contact(db, contact_id)
    was = db.scalar(select(Contact.erased_at).where(Contact.id == tree.id))
    if was is not None and not tree.statements and not tree.identities:
        raise Conflict("this customer was erased already")
    person = person_of(tree)
    at = now - now % _SECOND_US + _SECOND_US - 1  # channels tell whole seconds: all of this one
    wanted = to_json(person) | {
        "at": at,
        "conversations": list(db.scalars(person.conversations)),
        "sessions": list(db.scalars(person.sessions)),
    }
    _end_visits(db, person, now)
    counts = erased.erase(db, tree, at, now)
    erasure_id = new_id("ers")
    db.execute(
        insert_into(db, Erasure).values(
            id=erasure_id, contact_id=tree.id, operator_id=operator_id, reason=reason,
            began_at=now, ended_at=None, wanted=wanted,
            counts={**counts, "sessions": len(wanted["sessions"])},
        )
    )  # fmt: skip
    return erasure_id


def _end_visits(db: Transaction, person: Person, now: int) -> None:
    """Make every token of theirs void, and forget what pages said of them."""
    for one in person.identities:
        known = select(Visitor.id).where(Visitor.id == one.id, Visitor.channel == one.channel)
        if db.scalar(known) is None and one.id.startswith("vis_"):
            db.execute(
                insert_into(db, Visitor)
                .values(
                    id=one.id, channel=one.channel, user_key=None, generation=0, parameters={},
                    created_at=now,
                )
                .on_conflict_do_nothing()
            )  # fmt: skip
    db.execute(
        update(Visitor)
        .where(Visitor.id.in_(person.visitors))
        .values(user_key=None, parameters={}, generation=Visitor.generation + 1)
    )


class Erasing:
    """Finishes erasures. What is done twice does no harm, so several may work at one."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._database = parts.database

    def open(self, limit: int) -> list[str]:
        """Erasures that have begun and not ended, the eldest first."""
        with self._database.read() as db:
            unended = select(Erasure.id).where(Erasure.ended_at.is_(None))
            return list(db.scalars(unended.order_by(Erasure.id).limit(limit)))

    def finish(self, erasure_id: str, *, patience_s: float = math.inf) -> bool:
        """Leave nothing of the person; False if that takes longer, and is to be gone on with.

        Raises Unavailable where it must be tried again.
        """
        ends = self._parts.clock.monotonic() + patience_s
        with self._database.read() as db:
            row = db.execute(
                select(Erasure.wanted, Erasure.counts, Erasure.began_at).where(
                    Erasure.id == erasure_id
                )
            ).one()
        if row.wanted is None:
            return True
        if _DONE not in row.wanted:
            person = from_json(row.wanted)
            if not self._leave_nothing(erasure_id, person, row.wanted, row.began_at, ends):
                return False
            self._database.write(lambda db: self._done(db, erasure_id, person, row.counts))
        if not self._emptied(until=ends):
            return False
        self._database.write(lambda db: self._end(db, erasure_id))
        log.info("person_erased", erasure=erasure_id)
        return True

    def _leave_nothing(
        self,
        erasure_id: str,
        person: Person,
        wanted: dict[str, Any],
        began_at: int,
        ends: float,
    ) -> bool:
        """Forget all that is wanted; False if that takes too long."""
        for one in wanted["conversations"]:
            self._conversation(one, wanted, began_at)
            if self._parts.clock.monotonic() > ends:
                return False
        if not self._bodies(person, began_at, ends):
            return False
        self._files(person)
        traces.clean(
            self._database, person, wanted["sessions"], wanted["conversations"], erasure_id
        )
        self._parts.files.sweep()
        return True

    def _emptied(self, until: float) -> bool:
        """Empty SQLite's log, which holds what was there; while somebody reads, that has to wait.

        Whoever has no patience leaves it to a worker, who tries for a while: the log is written
        over in time anyway.
        """
        for _ in range(1 if until < math.inf else _TRIES):
            if self._database.empty_log():
                return True
            if until < math.inf:
                return False
            time.sleep(_NAP_S)
        log.warning("log_not_emptied")
        return True

    def _conversation(self, conversation_id: str, wanted: dict[str, Any], began_at: int) -> None:
        owed = self._database.write(lambda db: self._forget(db, conversation_id, wanted, began_at))
        for kind in sorted(owed):
            self._parts.waker.wake(kind)

    def _forget(
        self, db: Transaction, conversation_id: str, wanted: dict[str, Any], began_at: int
    ) -> set[str]:
        held = lock_conversation(db, conversation_id)
        now = to_micros(self._parts.clock.now())
        columns = (ChatSession.id, ChatSession.status, ChatSession.opened_at)
        of_it = select(*columns).where(ChatSession.conversation_id == held.id)
        rows = db.execute(of_it).all()
        theirs = set(wanted["sessions"])
        mine = [row.id for row in rows if row.id in theirs]
        # Whoever wrote anew since has a new session, which is another person's, as it were.
        opened_since = [row.opened_at for row in rows if row.id not in theirs]
        owed: set[str] = set()
        terms = self._parts.terms.get(held.channel)
        for row in rows:
            if row.id in theirs and row.status == "active" and terms is not None:
                owed |= doors.end(
                    db, terms, held, row.id, by=SYSTEM, reason=ERASED, now=now, unheard=True
                ).owed
        forget(
            db, held, mine,
            before=wanted["at"], facts_before=min(opened_since, default=None), now=now,
        )  # fmt: skip
        earlier = InboxDelivery.received_at <= began_at
        forget_bodies(db, [*of_conversation(db, held), earlier], now)
        return owed

    def _bodies(self, person: Person, began_at: int, ends: float) -> bool:
        """Forget what else names them; False if that takes too long."""
        with self._database.read() as db:
            until = self._last_before(db, began_at)
        now = to_micros(self._parts.clock.now())
        for found in that_name(self._database, person.words, until or ""):
            ids = [id for id, _ in found]
            which = [InboxDelivery.id.in_(ids)]
            self._database.write(partial(forget_bodies, which=which, now=now))
            if self._parts.clock.monotonic() > ends:
                return False
        return True

    def _last_before(self, db: Transaction, began_at: int) -> str | None:
        return db.scalar(
            select(InboxDelivery.id)
            .where(InboxDelivery.received_at <= began_at)
            .order_by(InboxDelivery.id.desc())
            .limit(1)
        )

    def _files(self, person: Person) -> None:
        """Take away what they uploaded and never sent; the rest went with its messages."""
        now = to_micros(self._parts.clock.now())
        uploaded = (FileRow.owner_kind == "visitor") & FileRow.owner_id.in_(person.names)
        self._database.write(lambda db: files.take_away(db, uploaded, now))

    def _count(self, db: Transaction, person: Person) -> dict[str, int]:
        """How much of them there was, by what is left of it."""
        gone = {
            "messages": (Message, Message.redacted.is_(True)),
            "deliveries": (InboxDelivery, InboxDelivery.forgotten_at.is_not(None)),
            "files": (FileRow, FileRow.state == "gone"),
        }
        counted = {}
        for name, (model, is_gone) in gone.items():
            query = select(func.count()).select_from(model)
            counted[name] = db.scalar(query.where(PERSONAL[model](person), is_gone)) or 0
        return counted

    def _done(
        self, db: Transaction, erasure_id: str, person: Person, counts: dict[str, int]
    ) -> None:
        """Nothing is wanted any more: what was, goes from the record itself."""
        db.execute(
            update(Erasure)
            .where(Erasure.id == erasure_id, Erasure.ended_at.is_(None))
            .values(wanted={_DONE: True}, counts=counts | self._count(db, person))
        )

    def _end(self, db: Transaction, erasure_id: str) -> None:
        db.execute(
            update(Erasure)
            .where(Erasure.id == erasure_id, Erasure.ended_at.is_(None))
            .values(ended_at=to_micros(self._parts.clock.now()), wanted=None)
        )
