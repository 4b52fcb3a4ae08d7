"""The loop guard: two machines that talk end with a person, not in a thousand messages.

An exchange is what the customer says between two answers of ours. It looks automatic if it carries
an auto-reply's mark (e-mail), repeats an earlier one, or came faster than anybody types.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, bindparam, func, select

from gateway.conversations.thread import Held
from gateway.conversations.wording import folded
from gateway.policy import AgentTerms
from gateway.store import Transaction
from gateway.store.models import Message, TurnRow
from gateway.store.prepared import Prepared
from gateway.store.sql import literals, table_of

LOOP = "Loop: automatic replies answer each other"

# The fastest typists reach 15 characters a second; who speaks to a telephone is about as fast.
TYPED_PER_S = 20.0
# Shorter ones are buttons, habits and menus: "Yes", "Track my order".
SHORTEST_TOO_FAST = 80
SHORTEST_REPEAT = 20
# A machine with a few replies takes turns with them.
REMEMBERED = 6

_DAY_US = 86_400_000_000
_SECOND_US = 1_000_000
_LINES = 60
_COMPARED = 1_000
_RETURNS_SEEN = 100

# How mail programs mark what they answer by themselves, at the beginning of the subject.
_MARKS = tuple(
    folded(mark)
    for mark in (
        "Automatic reply", "Auto-Reply", "Autoreply", "Out of office", "Automatische Antwort",
        "Abwesenheitsnotiz", "Réponse automatique", "Absence du bureau", "Respuesta automática",
        "Fuera de la oficina", "Risposta automatica", "Fuori sede", "Resposta automática",
        "Automatisch antwoord", "Afwezig", "Odpowiedź automatyczna", "Automatická odpověď",
        "Autosvar", "Automaattinen vastaus", "Automatikus válasz", "自動返信", "自动回复",
        "자동 회신",
    )
)  # fmt: skip

_TURNS, _MESSAGES = table_of(TurnRow), table_of(Message)
_ANSWERED = Prepared(
    lambda _: select(func.count().label("number")).where(
        _TURNS.c.session_id == bindparam("session"),
        _TURNS.c.state.in_(literals("recorded")),
        _TURNS.c.ended_at > bindparam("since", type_=BigInteger),
    )
)
_RETURNS = Prepared(
    lambda _: (
        select(_MESSAGES.c.external_id, _MESSAGES.c.data, _MESSAGES.c.created_at)
        .where(
            _MESSAGES.c.session_id == bindparam("session"),
            _MESSAGES.c.kind.in_(literals("marker")),
            _MESSAGES.c.external_id.like(bindparam("returned")),
        )
        .order_by(_MESSAGES.c.created_at.desc())
        .limit(_RETURNS_SEEN)
    )
)
_NEWEST = Prepared(
    lambda _: (
        select(_MESSAGES.c.author_kind, _MESSAGES.c.text, _MESSAGES.c.at)
        .where(
            _MESSAGES.c.session_id == bindparam("session"),
            _MESSAGES.c.kind.in_(literals("message")),
            _MESSAGES.c.state.in_(literals("received", "sent")),
        )
        .order_by(
            _MESSAGES.c.at.desc(), _MESSAGES.c.number.desc(), _MESSAGES.c.step.desc(),
            _MESSAGES.c.id.desc(),
        )
        .limit(_LINES)
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A public message: who said what, when (µs, the channel's time)."""

    author: str
    text: str
    at: int


@dataclass(slots=True, kw_only=True)
class Exchange:
    """The customer's words between two answers of ours; `ended_at` is when the last one came."""

    words: str
    size: int
    ended_at: int
    marked: bool


def tripped(db: Transaction, agent: AgentTerms, held: Held, row: Any, now: int) -> str | None:
    """Why the AI should not be asked once more; None if there is no sign of a loop.

    Both counts begin anew when a person puts the AI back in charge, not when the gateway does.
    """
    limits = [limit for limit in (agent.max_answers_a_day, agent.loop_guard_turns) if limit]
    if not limits:
        return None
    answered = _answered(db, row.id, now - _DAY_US)
    if answered >= min(limits):
        answered = _answered(db, row.id, max(now - _DAY_US, _returned_by_a_person(db, row.id)))
    if agent.max_answers_a_day and answered >= agent.max_answers_a_day:
        return f"Limit: {answered} answers of the AI within 24 hours"
    most = agent.loop_guard_turns
    if not most or answered < most:
        return None
    rows = _NEWEST.run(db, {"session": row.id})
    lines = [Line(author=one.author_kind, text=one.text, at=one.at) for one in reversed(rows)]
    in_a_row = automatic_in_a_row(lines, email=held.thread.email)
    return LOOP if in_a_row >= most else None


def _answered(db: Transaction, session_id: str, since: int) -> int:
    """How many answers were recorded after `since` (µs)."""
    (found,) = _ANSWERED.run(db, {"session": session_id, "since": since})
    return int(found.number)


def _returned_by_a_person(db: Transaction, session_id: str) -> int:
    """When a person last put the AI back in charge, here or in the channel (µs); 0: never."""
    for one in _RETURNS.run(db, {"session": session_id, "returned": "%:returned"}):
        ours = one.external_id.startswith("marker:act_")
        if not ours or one.data["by"]["kind"] == "operator":
            return int(one.created_at)
    return 0


def automatic_in_a_row(lines: Sequence[Line], *, email: bool) -> int:
    """Count the exchanges at the end of a conversation that look automatic."""
    exchanges = list(_exchanges(lines, email=email))
    count = 0
    for index in range(len(exchanges) - 1, -1, -1):
        if not _looks_automatic(exchanges[index], exchanges[max(0, index - REMEMBERED) : index]):
            break
        count += 1
    return count


def _looks_automatic(exchange: Exchange, earlier: Sequence[Exchange]) -> bool:
    if exchange.marked:
        return True
    if not earlier:
        return False
    if len(exchange.words) >= SHORTEST_REPEAT and any(
        exchange.words == before.words for before in earlier
    ):
        return True
    # Whoever typed it began after the words before it. Channels tell whole seconds.
    typing_s = (exchange.ended_at - earlier[-1].ended_at) / _SECOND_US + 1
    return exchange.size >= SHORTEST_TOO_FAST and exchange.size > TYPED_PER_S * typing_s


def _exchanges(lines: Sequence[Line], *, email: bool) -> Iterator[Exchange]:
    """Group the customer's words; a person's words end what was before them."""
    found: list[Exchange] = []
    answered = True
    for line in lines:
        if line.author == "operator":
            found.clear()
            answered = True
        elif line.author == "ai":
            answered = True
        elif line.author == "customer":
            words, size = folded(line.text[:_COMPARED]), len(line.text)
            marked = email and words.startswith(_MARKS)
            if answered:
                exchange = Exchange(words=words, size=size, ended_at=line.at, marked=marked)
                found.append(exchange)
            else:
                last = found[-1]
                last.words, last.size = f"{last.words} {words}", last.size + size
                last.ended_at, last.marked = line.at, last.marked and marked
            answered = False
    return iter(found)
