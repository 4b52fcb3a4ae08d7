"""The record as the widget's doors may know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import select, update

from gateway.channels.webwidget.backend import Json, Recognised, Visitor
from gateway.clock import Clock, to_micros
from gateway.errors import Unreadable
from gateway.events import Attachment
from gateway.handover import Thread
from gateway.store import Database, Transaction
from gateway.store.models import Conversation
from gateway.store.models import Visitor as VisitorRow
from gateway.visitors import rows, said

_thread = msgspec.json.Decoder(Thread)


class Visitors:
    """What the doors ask, asked of the database. Safe to share between threads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def new_id(self) -> str:
        """Return an id for a new visitor, which nobody can guess."""
        return rows.new_visitor_id()

    def visitor(self, channel: str, visitor_id: str) -> Visitor:
        """Return what is known of a visitor."""
        with self._database.read() as db:
            return rows.find(db, channel, visitor_id)

    def recognise(self, channel: str, visitor_id: str | None, user: str) -> Recognised:
        """Bind a visitor to a proven user, and return who they go on as."""

        def work(db: Transaction) -> Recognised:
            own = visitor_id
            if own is not None and rows.owner_of(db, channel, own) not in (None, user):
                own = None  # somebody else's: nobody's talk changes hands
            spoke = rows.state_of(db, channel, own) if own is not None else None
            # What the anonymous visitor had said goes along, even if the user goes on elsewhere.
            if own is not None and spoke and not rows.bind(db, channel, own, user, now):
                own, spoke = None, None
            going = own if spoke == "active" else rows.latest_of(db, channel, user)
            if going is None:
                going = own or rows.new_visitor_id()
                if not rows.bind(db, channel, going, user, now):
                    going = rows.new_visitor_id()
                    rows.bind(db, channel, going, user, now)
            theirs = {going} | ({own} if own is not None and spoke else set())
            return Recognised(
                visitor=rows.find(db, channel, going),
                theirs=[id for id in theirs if not rows.is_told_of(db, channel, id, user)],
            )

        now = to_micros(self._clock.now())
        return self._database.write(work)

    def keep_parameters(self, channel: str, visitor_id: str, parameters: Mapping[str, Any]) -> None:
        """Keep what the page says with the session that is active, and with those to come."""

        def work(db: Transaction) -> None:
            row = rows.hold(db, channel, visitor_id, now)
            kept = rows.merged(row.parameters, parameters)
            if kept != row.parameters:
                db.execute(
                    update(VisitorRow).where(VisitorRow.id == visitor_id).values(parameters=kept)
                )

        now = to_micros(self._clock.now())
        self._database.write(work)

    def log_out(self, channel: str, visitor_id: str) -> None:
        """Make every token of this visitor void that was made so far."""

        def work(db: Transaction) -> None:
            row = rows.hold(db, channel, visitor_id, now)
            db.execute(
                update(VisitorRow)
                .where(VisitorRow.id == visitor_id)
                .values(generation=row.generation + 1)
            )

        now = to_micros(self._clock.now())
        self._database.write(work)

    def moment(self, channel: str, visitor_id: str) -> int:
        """Return now (µs), or a moment after the newest thing in the visitor's conversation.

        Machines' clocks differ: what is said later shall stand later, whichever of them heard it.
        """
        now = to_micros(self._clock.now())
        with self._database.read() as db:
            thread = db.scalar(
                select(Conversation.thread).where(
                    Conversation.channel == channel, Conversation.external_id == visitor_id
                )
            )
        newest = 0 if thread is None else _thread.decode(thread).newest[0].at
        return max(now, newest + 1)

    def attachments(self, visitor: Visitor, file_ids: Sequence[str]) -> Sequence[Attachment]:
        """Return files that this visitor has put here; raise Unreadable for any other."""
        if file_ids:
            raise Unreadable("files: there is no such file")
        return ()

    def session(self, visitor: Visitor) -> Json | None:
        """Return the session that the visitor sees, as the protocol has it."""
        return None

    def message(self, visitor: Visitor, external_id: str) -> Json | None:
        """Return a message of the visitor's, as the protocol has it; None if there is none."""
        with self._database.read() as db:
            return said.find(db, visitor, external_id)
