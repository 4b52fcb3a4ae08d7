"""Questions to the AI agent: which are due, and what becomes of one before it is asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Integer, bindparam, exists, select, update

from gateway.conversations import briefing, guard, rules, turns
from gateway.conversations.asking.held import WRITE, HeldTurn, Recorded, end, lock
from gateway.conversations.reception import Receive, always_open
from gateway.conversations.thread import Held
from gateway.events import Turn
from gateway.policy import AgentTerms, Terms
from gateway.store import Transaction
from gateway.store.models import Conversation, Message, Push, TurnRow
from gateway.store.prepared import Prepared
from gateway.store.sql import literals, table_of

_TURNS, _CONVERSATIONS = table_of(TurnRow), table_of(Conversation)
_DUE = Prepared(
    lambda _: (
        select(_TURNS.c.id, _TURNS.c.due_at)
        .where(_TURNS.c.state.in_(literals(*turns.OPEN)), _TURNS.c.due_at <= bindparam("until"))
        .order_by(_TURNS.c.due_at)
        .limit(bindparam("most", type_=Integer))
    )
)
_RETURNED = Prepared(
    lambda _: (
        select(
            _TURNS.c.due_at,
            _TURNS.c.owed_at,
            _TURNS.c.conversation_id,
            _TURNS.c.origin,
            _CONVERSATIONS.c.channel,
            _CONVERSATIONS.c.external_id,
            _CONVERSATIONS.c.held_since,
            _CONVERSATIONS.c.read_due,
        )
        .join(_CONVERSATIONS, _CONVERSATIONS.c.id == _TURNS.c.conversation_id)
        .where(
            _TURNS.c.id == bindparam("turn"),
            _TURNS.c.state.in_(literals("due")),
            _TURNS.c.cause.in_(literals("returned")),
            _TURNS.c.tries < bindparam("asked", type_=Integer),
        )
    )
)

_MARGIN_US = 15_000_000
_WIRE_US = 2_000_000


class Began(NamedTuple):
    """How often a turn has been asked by now, where, and what it is owed from."""

    tries: int
    conversation_id: str
    origin: str | None


def due(db: Transaction, until: int, limit: int) -> list[tuple[str, int]]:
    """Turns whose time comes by then, and when: to be asked, asked again, or given up."""
    return [(row.id, row.due_at) for row in _DUE.run(db, {"until": until, "most": limit})]


def returned(db: Transaction, turn_id: str) -> Any | None:
    """Where a turn that is owed because people gave the session back lies; None for any other.

    Its `due_at` and `owed_at`, its `origin`, and the conversation with its hold.
    """
    return _RETURNED.first(db, {"turn": turn_id, "asked": 1})


def wait(db: Transaction, turn_id: str, due_at: int) -> None:
    """Let a due turn wait until then."""
    db.execute(
        update(TurnRow).where(TurnRow.id == turn_id, TurnRow.state == "due").values(due_at=due_at)
    )


def rest(db: Transaction, turn_id: str, channels: Collection[str], until: int) -> bool:
    """Let a turn in one of these channels wait until then; False if it is in another."""
    row = db.execute(
        select(Conversation.channel)
        .join(TurnRow, TurnRow.conversation_id == Conversation.id)
        .where(TurnRow.id == turn_id, TurnRow.state == "due")
    ).one_or_none()
    if row is None or row.channel not in channels:
        return False
    wait(db, turn_id, until)
    return True


@dataclass(frozen=True, slots=True)
class Unheard:
    """A turn that is owed because people gave the session back: first hear what they said."""


def begin(
    db: Transaction,
    terms_of: Mapping[str, Terms],
    turn_id: str,
    now: int,
    link: Callable[[str], str],
    reception: Receive = always_open,
    *,
    heard: bool = True,
) -> tuple[Turn | Recorded | Unheard | None, Began]:
    """Take a due turn and say what to ask; None if somebody else took it or it has ended.

    Recorded if nothing is asked: a rule, the loop guard or a lost answer handed it to people.
    Unheard, and nothing done, if people gave the session back and that was not `heard`.
    The row itself is the claim: until its new `due_at`, longer than the agent may take, nobody else
    takes it; after that its worker is taken for dead.
    """
    held, row, turn = lock(db, turn_id)
    began = Began(turn.tries, held.id, turn.origin)
    if turn.state not in turns.OPEN or turn.due_at > now:
        return None, began
    if _is_back(turn) and not heard:
        return Unheard(), began
    terms = terms_of.get(row.channel)
    if terms is None or row.mode == "human" or row.status == "finished" or row.epoch != turn.epoch:
        end(db, turn_id, "discarded", "the session changed hands before the question", now)
        return None, began
    asked = _asked(
        HeldTurn(
            db=db, terms=terms, held=held, row=row, turn=turn,
            now=now, link=link(row.id), reception=reception,
        )
    )  # fmt: skip
    return asked, began._replace(tries=turn.tries + isinstance(asked, Turn))


def _is_back(turn: Any) -> bool:
    """True for a turn that is owed because people gave the session back, and was never asked."""
    return bool(turn.cause == "returned" and turn.state == "due" and turn.tries == 0)


def _asked(one: HeldTurn) -> Turn | Recorded | None:
    """What to ask, unless something else is to be done with the turn; then that is done."""
    db, terms, held, row, turn = one.db, one.terms, one.held, one.row, one.turn
    if turn.state == "waiting":  # announced with 202, and never came
        return one.give_up("no answer came to the reply address")
    if _is_back(turn):
        if _on_the_wire(db, held):
            wait(db, turn.id, one.now + _WIRE_US)
            return None
        if _answered_meanwhile(one):
            one.end("discarded", "the answer that was on its way has answered it")
            return None
    lease = int(terms.agent.timeout_s * 1e6) + _MARGIN_US
    question = briefing.question(db, held, row, turn)
    if row.mode == "ai":
        reason = rules.said_before_asking(db, terms.agent, question) or guard.tripped(
            db, terms.agent, held, row, one.now
        )
        if reason is not None:
            one.end("discarded", f"not asked: {reason}")
            return one.by_rule(reason)
    briefing.mark_told(db, question)
    upto = held.thread.run.last_public_at if held.thread.run else None
    asking = {
        "turn": turn.id,
        "state": "asking",
        "asked_at": turn.asked_at or one.now,
        "due_at": one.now + lease,
        "tries": turn.tries + 1,
        "upto_at": upto.at if upto else 0,
        "upto_number": upto.number if upto else 0,
    }
    WRITE.later(db, asking)
    return question


def _on_the_wire(db: Transaction, held: Held) -> bool:
    """True while nobody knows whether words of the AI's from before the return have landed."""
    words = Push.role.in_(("answer", "last_words")) & Push.state.in_(("sending", "unknown"))
    return bool(db.scalar(select(exists().where(Push.conversation_id == held.id, words))))


def _answered_meanwhile(one: HeldTurn) -> bool:
    """True if what was on the wire when people took over was the answer to the customer's last.

    It was not known when they gave the session back, so a question was owed.
    """
    run = one.held.thread.run
    if not one.terms.channel.policy.native_assignment or run is None or run.customer_spoke_last:
        return False
    newest = select(Message.at, Message.number).where(
        Message.session_id == one.row.id, Message.kind == "message",
        Message.author_kind == "customer",
    )  # fmt: skip
    told = select(TurnRow.upto_at, TurnRow.upto_number).where(
        TurnRow.session_id == one.row.id, TurnRow.state == "recorded"
    )
    said = one.db.execute(
        newest.order_by(Message.at.desc(), Message.number.desc()).limit(1)
    ).one_or_none()
    answered = one.db.execute(
        told.order_by(TurnRow.upto_at.desc(), TurnRow.upto_number.desc()).limit(1)
    ).one_or_none()
    return said is not None and answered is not None and tuple(said) <= tuple(answered)


def wait_for_reply(db: Transaction, agent: AgentTerms, turn_id: str, now: int) -> None:
    """The agent will answer at the reply address; give it its time."""
    reply_by = now + int(agent.reply_within_s * 1e6)
    db.execute(
        update(TurnRow)
        .where(TurnRow.id == turn_id, TurnRow.state == "asking")
        .values(state="waiting", reply_by=reply_by, due_at=reply_by)
    )
