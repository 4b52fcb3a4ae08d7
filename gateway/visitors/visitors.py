"""The record as the widget's doors may know it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy import bindparam, select, update

from gateway.channels.webwidget.backend import Body, Follow, Picture, Recognised, Taken, Visitor
from gateway.channels.webwidget.talk import Line, Past, Shown, Talk, Typing
from gateway.clock import Clock, to_micros
from gateway.conversations.parameters import set_parameters
from gateway.conversations.reception import Receive
from gateway.conversations.thread import lock_conversation
from gateway.events import Attachment
from gateway.feed import Hint, Hints
from gateway.files import Files
from gateway.handover import Thread
from gateway.people import avatars
from gateway.rails.downloads import Download
from gateway.store import Database, Transaction
from gateway.store.models import Conversation
from gateway.store.models import Visitor as VisitorRow
from gateway.store.prepared import Prepared
from gateway.visitors import marks, rows, theirs
from gateway.visitors.files import VisitorFiles
from gateway.visitors.talk import Talks, nothing_yet

_thread = msgspec.json.Decoder(Thread)
_MOST_REMEMBERED = 50_000

Opening = Callable[[Visitor, int, Callable[[], object] | None], Follow]
"""Opens a stream of a visitor's, until then (µs); what is called ends its connection at once."""


class Guest(Protocol):
    """Somebody whom a token has let in."""

    @property
    def channel(self) -> str: ...
    @property
    def visitor(self) -> str: ...
    @property
    def generation(self) -> int: ...


AnyGuest = TypeVar("AnyGuest", bound=Guest)


class Visitors:
    """What the doors ask, asked of the database. Safe to share between threads."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        reception: Receive,
        hints: Hints,
        follow: Opening,
        files: Files,
    ) -> None:
        """`follow` opens streams."""
        self._database = database
        self._clock = clock
        self._hints = hints
        self._follow = follow
        self._files = VisitorFiles(database, files)
        self._talks = Talks(database, reception, self._now)
        self._conversations: dict[tuple[str, str], str] = {}

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

        now = self._now()
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
            conversation_id = rows.conversation_of(db, channel, visitor_id)
            if conversation_id is not None:
                held = lock_conversation(db, conversation_id)
                set_parameters(db, held, parameters, over=True, now=now)

        now = self._now()
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

        now = self._now()
        self._database.write(work)

    def moment(self, channel: str, visitor_id: str) -> int:
        """Return now (µs), or a moment after the newest thing in the visitor's conversation.

        Machines' clocks differ: what is said later shall stand later, whichever of them heard it.
        """
        now = self._now()
        with self._database.read() as db:
            thread = db.scalar(
                select(Conversation.thread).where(
                    Conversation.channel == channel, Conversation.external_id == visitor_id
                )
            )
        newest = 0 if thread is None else _thread.decode(thread).newest[0].at
        return max(now, newest + 1)

    # -- files -------------------------------------------------------------------------------------

    def files_taken(self) -> Taken | None:
        """Return what files are taken; None if none are."""
        return self._files.taken()

    def put_file(
        self, visitor: Visitor, body: Body, content_type: str, declared: int | None
    ) -> Attachment:
        """Keep what a visitor uploads."""
        return self._files.put(visitor, body, content_type, declared)

    def attachments(
        self, visitor: Visitor, file_ids: Sequence[str], external_id: str
    ) -> Sequence[Attachment]:
        """Return files that this visitor has put here, to go with the message of this name."""
        return self._files.to_say(visitor, file_ids, external_id)

    def file(self, visitor: Visitor, file_id: str) -> Download:
        """Return a file that is the visitor's to read; raise NotFound for any other."""
        return self._files.get(visitor, file_id)

    # -- what they see -----------------------------------------------------------------------------

    def session(self, visitor: Visitor) -> Shown | None:
        """Return the session that the visitor sees, finished or not; None if they never spoke."""
        conversation_id = self._own(visitor)
        return None if conversation_id is None else self._talks.session(conversation_id)

    def message(self, visitor: Visitor, external_id: str) -> Line | None:
        """Return a message of the visitor's, by the channel's name of it; None if there is none."""
        conversation_id = self._own(visitor)
        if conversation_id is None:
            return None
        return self._talks.line(conversation_id, external_id)

    def news(self, visitor: Visitor, *, after: str | None, session_id: str | None) -> Talk:
        """Return what is new since a cursor; all of it where that leads nowhere any more."""
        if session_id is not None:
            with self._database.read() as db:
                place = theirs.conversation_of_session(db, visitor, session_id)
            return self._talks.news(place, after=after, session_id=session_id)
        conversation_id = self._own(visitor)
        if conversation_id is None:
            return nothing_yet(after)
        talk = self._talks.news(conversation_id, after=after)
        shown = talk.session
        if shown is not None and (shown.status, shown.speaker) == ("active", "operator"):
            typist = self._hints.typist(conversation_id)
            if typist is not None:
                return replace(talk, typing=[Typing(kind="operator", name=typist.name)])
        return talk

    def earlier(self, visitor: Visitor, *, before: str) -> Talk:
        """Return what stands before a line, in its session; raise NotFound if it is not theirs."""
        with self._database.read() as db:
            conversation_id, _ = theirs.place_of_line(db, visitor, before)
        return self._talks.before(conversation_id, before)

    def sessions(
        self, visitor: Visitor, *, cursor: str | None
    ) -> tuple[Sequence[Past], str | None]:
        """Return a verified visitor's sessions, newest first, and where the next ones begin."""
        with self._database.read() as db:
            return theirs.sessions(db, visitor, cursor)

    def picture(self, name: str) -> Picture:
        """Return the picture that visitors see under a name; raise NotFound."""
        with self._database.read() as db:
            found = avatars.find_shown(db, name)
        return Picture(content=found.content, content_type=found.content_type)

    def stream(self, visitor: Visitor, until: int, hang_up: Callable[[], object] | None) -> Follow:
        """Open a stream of the visitor's: until (µs) then, or until their tokens are void."""
        return self._follow(visitor, until, hang_up)

    # -- what they say of themselves ---------------------------------------------------------------

    def read(self, visitor: Visitor, message_id: str) -> None:
        """Keep that the visitor has read up to a line; raise NotFound if it is not theirs."""
        with self._database.read() as db:
            _, session_id = theirs.place_of_line(db, visitor, message_id)
        by, now = {"kind": "customer", "id": None, "name": visitor.name}, self._now()
        self._database.write(
            lambda db: marks.read_up_to(db, "customer", session_id, message_id, by, now)
        )

    def rate(self, visitor: Visitor, session_id: str, score: int, comment: str) -> None:
        """Keep what the visitor thought of a session."""

        def work(db: Transaction) -> None:
            theirs.conversation_of_session(db, visitor, session_id)
            marks.rate(db, session_id, score, comment, now)

        now = self._now()
        self._database.write(work)

    def types(self, visitor: Visitor, on: bool) -> None:
        """Show those inside that the visitor is writing, or no longer."""
        conversation_id = self._own(visitor)
        shown = None if conversation_id is None else self._talks.session(conversation_id)
        if conversation_id is not None and shown is not None and shown.status == "active":
            self._hints.give(
                Hint(
                    kind="typing", conversation=conversation_id, session=shown.id, by="customer",
                    name=visitor.name, on=on, at=self._now(),
                )
            )  # fmt: skip

    def _own(self, visitor: Visitor) -> str | None:
        """Where the visitor speaks. It is remembered: a conversation is never another's."""
        key = (visitor.channel, visitor.id)
        known = self._conversations.get(key)
        if known is None:
            with self._database.read() as db:
                known = theirs.own_conversation(db, visitor)
            if known is not None:
                if len(self._conversations) >= _MOST_REMEMBERED:
                    self._conversations.clear()
                self._conversations[key] = known
        return known

    def _now(self) -> int:
        return to_micros(self._clock.now())


def still_in(db: Transaction, guests: Collection[AnyGuest]) -> set[AnyGuest]:
    """Those of these guests whose tokens have not been made void since."""
    ids = sorted({guest.visitor for guest in guests})
    found = _GENERATION.ask_all(db, [{"key": id} for id in ids])
    present = {(row.channel, row.id): row.generation for row in found()}
    # Of whom nothing is kept, nothing was made void.
    return {
        guest
        for guest in guests
        if present.get((guest.channel, guest.visitor), 0) == guest.generation
    }


_GENERATION = Prepared(
    lambda _: select(VisitorRow.channel, VisitorRow.id, VisitorRow.generation).where(
        VisitorRow.id == bindparam("key")
    )
)
