"""A conversation as its customer may see it: what is new in it, what lies back, how things stand.

Notes, drafts, what is owed and not said, reasons and addresses are no part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from sqlalchemy import select

from gateway import feed
from gateway.channels.webwidget.talk import Line, Shown, Talk, Typing, Waiting
from gateway.conversations.reception import Receive, queue_position
from gateway.errors import NotFound, Unreadable
from gateway.reading.cursors import from_cursor, to_cursor
from gateway.reading.places import POSITION
from gateway.store import Database, Transaction
from gateway.store.models import Message
from gateway.visitors import lines as history
from gateway.visitors import state as states

_MOST_NEWS = 500
_NEVER = 2**62
"""No row has such a place: the journal is asked how far it goes, and nothing else."""


class Talks:
    """Reads conversations for their customers. Whose they are is the caller's to know."""

    def __init__(self, database: Database, reception: Receive, now: Callable[[], int]) -> None:
        """`reception` says whether somebody can come; `now` in microseconds."""
        self._database = database
        self._reception = reception
        self._now = now

    def news(
        self, conversation_id: str, *, after: str | None = None, session_id: str | None = None
    ) -> Talk:
        """What is new since a cursor, in the session that is shown or in one that was named.

        Without a cursor, or with one that leads nowhere any more, all of it. Raises NotFound for a
        session of another conversation, Unavailable.
        """
        since = _read_cursor(after)
        place, seen = since or (0, "")
        # The journal first: what comes after it is found again with the next cursor.
        head, rows = feed.read_of_conversation(
            self._database, conversation_id, place if since else _NEVER, _MOST_NEWS
        )
        with self._database.read() as db:
            state = self._find(db, conversation_id, session_id)
            reset = (
                since is None
                or not head.forgotten <= place <= head.last
                or seen != ("" if state is None else state.id)
                or len(rows) >= _MOST_NEWS
            )
            lines: Sequence[Line] = ()
            earlier = False
            if state is not None and reset:
                lines, earlier = history.newest(db, state.id, None)
            elif state is not None and rows:
                lines = history.changed(db, state.id, rows)
            return Talk(
                cursor=to_cursor((head.last, "" if state is None else state.id)),
                reset=reset,
                session=None if state is None else self._shown(db, state),
                lines=lines,
                typing=[Typing(kind="ai", name=None)] if _ai_is_typing(state) else [],
                earlier=earlier,
            )

    def before(self, conversation_id: str, message_id: str) -> Talk:
        """The lines before one of this conversation, in its session. Raises NotFound."""
        with self._database.read() as db:
            line = db.execute(
                select(*POSITION, Message.session_id).where(
                    Message.id == message_id,
                    Message.conversation_id == conversation_id,
                    history.may_be_seen(),
                )
            ).one_or_none()
            if line is None or line.session_id is None:
                raise NotFound("there is no such message")
            state = self._find(db, conversation_id, line.session_id)
            lines, earlier = history.newest(db, line.session_id, tuple(line[:4]))
            return Talk(
                cursor=None, reset=False, session=self._shown(db, state), lines=lines,
                typing=(), earlier=earlier,
            )  # fmt: skip

    def session(self, conversation_id: str) -> Shown | None:
        """The session that a conversation's customer sees: the newest, finished or not."""
        with self._database.read() as db:
            state = self._find(db, conversation_id, None)
            return None if state is None else self._shown(db, state)

    def line(self, conversation_id: str, external_id: str) -> Line | None:
        """A line by its channel's name; None if there is none."""
        named = (Message.conversation_id == conversation_id) & (Message.external_id == external_id)
        with self._database.read() as db:
            rows = db.execute(history.lines().where(named, history.may_be_seen())).all()
            return history.to_lines(db, rows)[0] if rows else None

    def _find(self, db: Transaction, conversation_id: str, session_id: str | None) -> Any:
        if session_id is None:
            return states.CURRENT.first(db, {"conversation": conversation_id})
        found = states.ONE.first(db, {"session": session_id, "conversation": conversation_id})
        if found is None:
            raise NotFound("there is no such session")
        return found

    def _shown(self, db: Transaction, state: Any) -> Shown:
        speaker = {"ai": "ai", "operator": "operator"}.get(state.responsible_kind, "nobody")
        by_person = speaker == "operator"
        return Shown(
            id=state.id,
            status=state.status,
            speaker=cast(Any, speaker),
            name=(state.operator or state.responsible_name) if by_person else None,
            picture=state.shown_as if by_person else None,
            waiting=self._waiting(db, state),
            started_at=state.opened_at,
            finished_at=state.finished_at,
            score=state.score,
            comment=state.comment,
            read_by_them=state.read_by_them,
            unread=state.unread,
        )

    def _waiting(self, db: Transaction, state: Any) -> Waiting | None:
        if state.waiting_since is None:
            return None
        # As the ladder of deadlines words it: who waits while nobody works is told so, no number.
        in_line = state.wait_step == "accept" and self._reception(db, state.agent, self._now()).open
        position = queue_position(db, state.agent, state.id) if in_line else None
        return Waiting(since=state.waiting_since, position=position)


def nothing_yet(after: str | None) -> Talk:
    """The talk of somebody who has not spoken."""
    cursor = to_cursor((0, ""))
    return Talk(
        cursor=cursor, reset=after != cursor, session=None, lines=(), typing=(), earlier=False
    )


def _ai_is_typing(state: Any) -> bool:
    return state is not None and state.status == "active" and state.mode == "ai" and state.thinks


def _read_cursor(cursor: str | None) -> tuple[int, str] | None:
    """The place and the session of a cursor; None if it leads nowhere."""
    if cursor is None:
        return None
    try:
        place, session_id = from_cursor(cursor, (int, str))
    except Unreadable:
        return None
    return int(place), str(session_id)
