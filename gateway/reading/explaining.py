"""For every customer message of a session: why the AI spoke, or kept silent."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, and_, select, tuple_

from gateway.errors import NotFound
from gateway.reading.cursors import DEFAULT_LIMIT, to_time
from gateway.reading.places import POSITION, page_of, place_of
from gateway.reading.reasons import OUTCOMES, Answer, Asked, Case, explain, sentence_of
from gateway.reading.sessions import Json, Page
from gateway.store import Transaction
from gateway.store.models import ChatSession, Conversation, Message, Push, TurnRow

_MODE_AFTER = {
    "handover": "human", "returned": "ai", "copilot_on": "copilot", "copilot_off": "human",
    "finished": "finished",
}  # fmt: skip
_MODE_BEFORE = {"handover": "ai", "returned": "human", "copilot_on": "ai", "copilot_off": "copilot"}
_OPEN = ("due", "asking", "waiting")
# Younger messages came as they were said; a channel may delay its notifications somewhat.
_LATE_US = 15 * 60 * 1_000_000
_FOUND_LATE = "found late"


def find_explanations(
    db: Transaction, session_id: str, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page:
    """A page of a session's customer messages, the oldest first, each with why the AI did what it
    did. Raises NotFound, and Unreadable for a foreign cursor."""
    session = _session(db, session_id)
    query = _query(session_id).order_by(*POSITION)
    if cursor is not None:
        query = query.where(tuple_(*POSITION) > tuple_(*place_of(cursor)))
    return _told(db, session_id, session, query, limit)


def find_latest_explanations(
    db: Transaction, session_id: str, *, limit: int = DEFAULT_LIMIT, before: str | None = None
) -> Page:
    """The same from the other end: the newest first, and its cursor leads `before` the oldest."""
    session = _session(db, session_id)
    query = _query(session_id).order_by(*(column.desc() for column in POSITION))
    if before is not None:
        query = query.where(tuple_(*POSITION) < tuple_(*place_of(before)))
    return _told(db, session_id, session, query, limit)


def _told(db: Transaction, session_id: str, session: Any, query: Any, limit: int) -> Page:
    page, following = page_of(db, query, limit)
    story = _Story(db, session_id, session)
    return Page(items=[story.told(row) for row in page], next_cursor=following)


def _session(db: Transaction, session_id: str) -> Any:
    session = db.execute(
        select(ChatSession.mode, ChatSession.status, ChatSession.handover, Conversation.held_since)
        .join(Conversation, Conversation.id == ChatSession.conversation_id)
        .where(ChatSession.id == session_id)
    ).one_or_none()
    if session is None:
        raise NotFound("there is no such session")
    return session


def _query(session_id: str) -> Select[*tuple[Any, ...]]:
    return select(*POSITION, Message.asked_in, Message.created_at).where(
        Message.session_id == session_id,
        Message.kind == "message",
        Message.author_kind == "customer",
    )


class _Story:
    """What bears on the messages of one session: its turns, its markers, the AI's own lines."""

    def __init__(self, db: Transaction, session_id: str, session: Any) -> None:
        self._session = session
        self._turns = db.execute(
            select(
                TurnRow.id, TurnRow.epoch, TurnRow.cause, TurnRow.state, TurnRow.owed_at,
                TurnRow.asked_at, TurnRow.ended_at, TurnRow.tries, TurnRow.why,
            )
            .where(TurnRow.session_id == session_id)
            .order_by(TurnRow.owed_at, TurnRow.id)
        ).all()  # fmt: skip
        self._by_id = {turn.id: turn for turn in self._turns}
        self._markers = db.execute(
            select(*POSITION, Message.data, Message.created_at)
            .where(Message.session_id == session_id, Message.kind == "marker")
            .order_by(*POSITION)
        ).all()
        self._answers = self._answers_by_time(db, session_id)

    def told(self, row: Row[*tuple[Any, ...]]) -> Json:
        """One customer message, explained."""
        turn = self._by_id.get(row.asked_in)
        missed = self._missed(row) if turn is None else None
        answers = self._answers_of(turn) if turn is not None else []
        mode = self._mode_at(row)
        case = Case(
            mode=mode,
            turn=self._asked(turn),
            answers=tuple(_answer(line) for line in answers),
            missed=self._asked(missed),
            held=self._session.held_since is not None,
            came_late=row.created_at - row.at > _LATE_US,
            found_late=turn is None and self._is_found_late(row),
        )
        code, more = explain(case)
        shown = turn or missed
        return {
            "message_id": row.id,
            "occurred_at": to_time(row.at),
            "outcome": OUTCOMES[code],
            "code": code,
            "sentence": sentence_of(code, more),
            "details": more,
            "mode": mode if mode != "finished" else self._session.mode,
            "epoch": shown.epoch if shown is not None else None,
            "turn": _turn(shown) if shown is not None else None,
            "answers": [line.id for line in answers],
        }

    def _answers_by_time(
        self, db: Transaction, session_id: str
    ) -> dict[int, list[Row[*tuple[Any, ...]]]]:
        """The AI's lines by when they were recorded: together with the end of their turn."""
        owed = and_(Push.conversation_id == Message.conversation_id, Push.cause == Message.id)
        rows = db.execute(
            select(
                Message.id, Message.kind, Message.state, Message.why, Message.created_at,
                Push.state.label("push"), Push.overlapped, Push.error,
            )
            .outerjoin(Push, owed)
            .where(
                Message.session_id == session_id,
                Message.author_kind == "ai",
                Message.kind.in_(("message", "draft")),
            )
            .order_by(Message.created_at, Message.id)
        )  # fmt: skip
        found: dict[int, list[Row[*tuple[Any, ...]]]] = {}
        for row in rows:
            found.setdefault(row.created_at, []).append(row)
        return found

    def _answers_of(self, turn: Any) -> list[Row[*tuple[Any, ...]]]:
        """What the AI said in a turn. What was never meant for anybody has never been owed."""
        lines = self._answers.get(turn.ended_at, [])
        dropped = turn.state != "recorded"
        return [
            line for line in lines if (line.state == "discarded" and line.push is None) is dropped
        ]

    def _asked(self, turn: Any) -> Asked | None:
        if turn is None:
            return None
        ended_with = self._kinds_made_at(turn.ended_at) if turn.ended_at is not None else set()
        return Asked(
            state=turn.state,
            was_asked=turn.asked_at is not None,
            why=turn.why,
            handed_over="handover" in ended_with,
            finished="finished" in ended_with,
        )

    def _kinds_made_at(self, moment: int) -> set[str]:
        return {marker.data["kind"] for marker in self._markers if marker.created_at == moment}

    def _missed(self, row: Row[*tuple[Any, ...]]) -> Any:
        """The turn that would have told the agent of a message that it never heard of."""
        candidates = [
            turn
            for turn in self._turns
            if turn.state in _OPEN or (turn.ended_at or 0) >= row.created_at
        ]
        return candidates[0] if candidates else None

    def _mode_at(self, row: Row[*tuple[Any, ...]]) -> str:
        """The session's mode when a message was said, by the markers around it."""
        position = (row.at, row.number, row.step)
        changes = [
            ((marker.at, marker.number, marker.step), marker.data["kind"])
            for marker in self._markers
            if marker.data["kind"] in _MODE_AFTER
        ]
        before = [kind for at, kind in changes if at < position]
        if before:
            return _MODE_AFTER[before[-1]]
        following = [kind for at, kind in changes if kind in _MODE_BEFORE]
        return _MODE_BEFORE[following[0]] if following else str(self._session.mode)

    def _is_found_late(self, row: Row[*tuple[Any, ...]]) -> bool:
        """True if people were asked since this message, among others, was found late."""
        handover = self._session.handover or {}
        return (
            handover.get("reason") == _FOUND_LATE
            and row.created_at - row.at > _LATE_US
            and row.at <= handover.get("at", 0)
        )


def _answer(line: Row[*tuple[Any, ...]]) -> Answer:
    return Answer(
        kind=line.kind,
        state=line.state,
        push=line.push,
        overlapped=bool(line.overlapped),
        why=line.error or line.why,
    )


def _turn(turn: Any) -> Json:
    return {
        "id": turn.id,
        "cause": turn.cause,
        "state": turn.state,
        "owed_at": to_time(turn.owed_at),
        "asked_at": to_time(turn.asked_at),
        "ended_at": to_time(turn.ended_at),
        "attempts": turn.tries,
        "why": turn.why,
    }
