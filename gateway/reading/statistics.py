"""Counts over a stretch of time: handovers, how long people took, what became of answers.

Everything is counted by the database. Each count comes with what it is a part of (`of`); a
percentile is the nearest rank, which both databases find in the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select

from gateway.reading.cursors import to_time
from gateway.reading.reasons import Asked, reason_of
from gateway.reading.sessions import Json
from gateway.store import Transaction
from gateway.store.models import ChatSession, Draft, Rating, StretchRow, TurnRow

MOST_REASONS = 20
SCORES = range(1, 6)
_MOST_WHYS = 1_000
_DRAFT_STATES = ("sent", "edited", "discarded", "expired", "open")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `since` up to `until` (µs, that one not included), everywhere or in one place."""

    since: int
    until: int
    channel: str | None = None
    agent: str | None = None

    def holds(self, column: Any) -> ColumnElement[bool]:
        """True where a moment lies in it."""
        return and_(column >= self.since, column < self.until)

    def place(self) -> list[ColumnElement[bool]]:
        """Conditions on the session."""
        conditions: list[ColumnElement[bool]] = []
        if self.channel is not None:
            conditions.append(ChatSession.channel == self.channel)
        if self.agent is not None:
            conditions.append(ChatSession.agent == self.agent)
        return conditions


def find_statistics(db: Transaction, period: Period) -> Json:
    """Everything that is counted."""
    return {
        "since": to_time(period.since),
        "until": to_time(period.until),
        "channel": period.channel,
        "agent": period.agent,
        "sessions": _sessions(db, period),
        "handovers": _handovers(db, period),
        "times": _times(db, period),
        "answers": _answers(db, period),
        "drafts": _drafts(db, period),
        "ratings": _ratings(db, period),
    }


def _sessions(db: Transaction, period: Period) -> Json:
    """Those opened in the period, by what has become of them by now."""
    with_people = exists().where(StretchRow.session_id == ChatSession.id)
    answered = exists().where(TurnRow.session_id == ChatSession.id, TurnRow.state == "recorded")
    is_finished = ChatSession.status == "finished"
    row = db.execute(
        select(
            func.count(),
            func.count().filter(is_finished),
            func.count().filter(with_people),
            func.count().filter(is_finished, answered, ~with_people),
        )
        .select_from(ChatSession)
        .where(period.holds(ChatSession.opened_at), *period.place())
    ).one()
    opened, finished, handed, alone = row
    return {
        "opened": opened,
        "finished": _part(finished, opened),
        "with_people": _part(handed, opened),
        "by_ai_alone": _part(alone, finished),
    }


def _handovers(db: Transaction, period: Period) -> Json:
    by_trigger = _counted(db, _stretches(period, StretchRow.trigger))
    by_reason = _counted(db, _stretches(period, StretchRow.reason))
    total = sum(by_trigger.values())
    most = by_reason.most_common(MOST_REASONS)
    return {
        "count": total,
        "by_trigger": [
            {"trigger": trigger, **_part(count, total)}
            for trigger, count in by_trigger.most_common()
        ],
        "by_reason": [{"reason": reason or "", **_part(count, total)} for reason, count in most],
        "other_reasons": _part(total - sum(count for _, count in most), total),
    }


def _times(db: Transaction, period: Period) -> Json:
    """How long customers waited for people, and sessions lasted."""
    handed = select(StretchRow.session_id).join(
        ChatSession, ChatSession.id == StretchRow.session_id
    )
    handed = handed.where(_is_handover(period), *period.place())
    opened = select(ChatSession.id).where(period.holds(ChatSession.opened_at), *period.place())
    return {
        "accept": _taken(db, handed, StretchRow.accepted_at - StretchRow.began_at),
        "first_reply": _taken(db, handed, StretchRow.first_reply_at - StretchRow.began_at),
        "finish": _taken(db, opened, ChatSession.finished_at - ChatSession.opened_at),
    }


def _taken(db: Transaction, query: Select[*tuple[Any, ...]], took: ColumnElement[Any]) -> Json:
    """Of what a query finds: how many took any time that is known, and which (p50, p90)."""
    of = db.scalar(select(func.count()).select_from(query.subquery())) or 0
    known = query.with_only_columns(took.label("took")).where(took.is_not(None)).subquery()
    ranked = select(
        known.c.took,
        func.row_number().over(order_by=known.c.took).label("place"),
        func.count().over().label("n"),
    ).subquery()
    rows = db.execute(
        select(ranked.c.took, ranked.c.place, ranked.c.n)
        .where(or_(*(_is_rank(ranked, percent) for percent in (50, 90))))
        .order_by(ranked.c.place)
    ).all()
    count = rows[0].n if rows else 0
    at = {row.place: row.took for row in rows}
    return {
        **_part(count, of),
        "p50_s": _seconds(at.get(_rank(count, 50))),
        "p90_s": _seconds(at.get(_rank(count, 90))),
    }


def _is_rank(ranked: Any, percent: int) -> ColumnElement[bool]:
    """True in the one row whose place is the nearest rank (`_rank`), without a division."""
    above = ranked.c.place * 100 - ranked.c.n * percent
    return and_(above >= 0, above < 100)


def _rank(count: int, percent: int) -> int:
    return -(-count * percent // 100)


def _answers(db: Transaction, period: Period) -> Json:
    """Questions to the AI agent that ended in the period, and why their answers were dropped."""
    rows = db.execute(
        select(TurnRow.state, TurnRow.why, TurnRow.asked_at.is_not(None).label("asked"), _COUNT)
        .join(ChatSession, ChatSession.id == TurnRow.session_id)
        .where(period.holds(TurnRow.ended_at), *period.place())
        .where(TurnRow.state.in_(("recorded", "discarded", "failed")))
        .group_by(TurnRow.state, TurnRow.why, TurnRow.asked_at.is_not(None))
        .order_by(_COUNT.desc())
        .limit(_MOST_WHYS)
    ).all()
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for row in rows:
        if row.asked:
            states[row.state] += row.n
        if row.state == "discarded" and row.asked:
            asked = Asked(state=row.state, was_asked=True, why=row.why)
            reasons[reason_of(asked)] += row.n
    asked_in_all, dropped = sum(states.values()), states["discarded"]
    return {
        "asked": asked_in_all,
        "recorded": _part(states["recorded"], asked_in_all),
        "failed": _part(states["failed"], asked_in_all),
        "discarded": _part(dropped, asked_in_all),
        "discarded_by_reason": [
            {"code": code, **_part(count, dropped)} for code, count in reasons.most_common()
        ],
    }


def _drafts(db: Transaction, period: Period) -> Json:
    """Drafts made in the period, by what has become of them by now."""
    states = _counted(
        db,
        select(Draft.state, _COUNT)
        .join(ChatSession, ChatSession.id == Draft.session_id)
        .where(period.holds(Draft.created_at), *period.place())
        .group_by(Draft.state),
    )
    made = sum(states.values())
    return {"made": made, **{state: _part(states[state], made) for state in _DRAFT_STATES}}


def _ratings(db: Transaction, period: Period) -> Json:
    """What customers thought, of the sessions opened in the period that are finished by now."""
    finished = (
        select(ChatSession.id)
        .where(period.holds(ChatSession.opened_at), *period.place())
        .where(ChatSession.status == "finished")
    )
    of = db.scalar(select(func.count()).select_from(finished.subquery())) or 0
    scores = _counted(
        db,
        select(Rating.score, _COUNT).where(Rating.session_id.in_(finished)).group_by(Rating.score),
    )
    rated = sum(scores.values())
    total = sum(score * count for score, count in scores.items())
    return {
        "rated": _part(rated, of),
        "average": round(total / rated, 2) if rated else None,
        "by_score": [{"score": score, **_part(scores[score], rated)} for score in SCORES],
    }


_COUNT = func.count().label("n")


def _is_handover(period: Period) -> ColumnElement[bool]:
    return and_(period.holds(StretchRow.began_at), StretchRow.trigger.is_not(None))


def _stretches(period: Period, column: Any) -> Select[*tuple[Any, ...]]:
    return (
        select(column, _COUNT)
        .join(ChatSession, ChatSession.id == StretchRow.session_id)
        .where(_is_handover(period), *period.place())
        .group_by(column)
    )


def _counted(db: Transaction, query: Select[*tuple[Any, ...]]) -> Counter[Any]:
    rows: Sequence[Any] = db.execute(query).all()
    return Counter({row[0]: row[1] for row in rows})


def _part(count: int, of: int) -> Json:
    return {"count": count, "of": of}


def _seconds(micros: int | None) -> float | None:
    return None if micros is None else round(micros / 1e6, 3)
