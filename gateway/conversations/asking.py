"""Asking the AI agent: what is due, what it is told, and what becomes of its answer.

A turn remembers the epoch of its session. Whatever changes hands raises it, so an answer that was
thought out for another state of affairs is recorded and never said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from sqlalchemy import Integer, bindparam, select, update

from gateway.conversations import briefing, doors, drafts, guard, history, rules, turns
from gateway.conversations.doors import Owing
from gateway.conversations.reception import Receive, always_open
from gateway.conversations.record import Outcome
from gateway.conversations.runs import load
from gateway.conversations.thread import Held, lock_session
from gateway.errors import Again, Conflict, GatewayError, NotFound
from gateway.events import SYSTEM, Actor, Answer, Turn
from gateway.policy import AgentTerms, Terms
from gateway.store import Transaction
from gateway.store.models import ChatSession, Conversation, TurnRow
from gateway.store.prepared import Prepared
from gateway.store.sql import literals, table_of

_TURNS, _CONVERSATIONS = table_of(TurnRow), table_of(Conversation)
_DUE = Prepared(
    lambda _: (
        select(_TURNS.c.id)
        .where(_TURNS.c.state.in_(literals(*turns.OPEN)), _TURNS.c.due_at <= bindparam("now"))
        .order_by(_TURNS.c.due_at)
        .limit(bindparam("most", type_=Integer))
    )
)

_SESSION_OF = Prepared(
    lambda _: select(_TURNS.c.session_id).where(_TURNS.c.id == bindparam("turn"))
)
_TURN = Prepared(lambda sql: sql.locked(select(_TURNS).where(_TURNS.c.id == bindparam("turn"))))
_WRITE = Prepared(lambda _: update(_TURNS).where(_TURNS.c.id == bindparam("turn")))

_RETURNED = Prepared(
    lambda _: (
        select(
            _TURNS.c.due_at,
            _TURNS.c.owed_at,
            _TURNS.c.conversation_id,
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

UNAVAILABLE = "AI agent unavailable"
_RETRY_AFTER_US = (1_000_000, 3_000_000)
_MARGIN_US = 15_000_000


@dataclass(slots=True, kw_only=True)
class Recorded:
    """What became of an answer or a failure, and what to wake.

    `learned_of` is whose session it is, if this is an answer whose findings have just been kept.
    """

    verdict: Literal["recorded", "discarded", "retry", "gave_up"]
    why: str | None = None
    owed: set[str] = field(default_factory=set)
    learned_of: str | None = None


def due(db: Transaction, now: int, limit: int) -> list[str]:
    """Turns whose time has come, oldest first: to be asked, asked again, or given up."""
    return [row.id for row in _DUE.run(db, {"now": now, "most": limit})]


def returned(db: Transaction, turn_id: str) -> Any | None:
    """Where a turn that is owed because people gave the session back lies; None for any other.

    Its `due_at` and `owed_at`, and the conversation with its hold.
    """
    return _RETURNED.first(db, {"turn": turn_id, "asked": 1})


def wait(db: Transaction, turn_id: str, due_at: int) -> None:
    """Let a due turn wait until then."""
    db.execute(
        update(TurnRow).where(TurnRow.id == turn_id, TurnRow.state == "due").values(due_at=due_at)
    )


def begin(
    db: Transaction,
    terms_of: Mapping[str, Terms],
    turn_id: str,
    now: int,
    link: Callable[[str], str],
    reception: Receive = always_open,
) -> Turn | Recorded | None:
    """Take a due turn and say what to ask; None if somebody else took it or it has ended.

    Recorded if nothing is asked: a rule, the loop guard or a lost answer handed it to people.
    The row itself is the claim: until its new `due_at`, longer than the agent may take, nobody else
    takes it; after that its worker is taken for dead.
    """
    held, row, turn = _lock(db, turn_id)
    if turn.state not in turns.OPEN or turn.due_at > now:
        return None
    terms = terms_of.get(row.channel)
    if terms is None or row.mode == "human" or row.status == "finished" or row.epoch != turn.epoch:
        _end(db, turn_id, "discarded", "the session changed hands before the question", now)
        return None
    if turn.state == "waiting":  # announced with 202, and never came
        late = "no answer came to the reply address"
        return _give_up(db, terms, held, turn, row, late, now, link(row.id), reception)
    lease = int(terms.agent.timeout_s * 1e6) + _MARGIN_US
    question = briefing.question(db, held, row, turn)
    if row.mode == "ai":
        reason = rules.said_before_asking(db, terms.agent, question) or guard.tripped(
            db, terms.agent, held, row, now
        )
        if reason is not None:
            _end(db, turn_id, "discarded", f"not asked: {reason}", now)
            return _by_rule(db, terms, held, row, reason, now, link(row.id), reception)
    briefing.mark_told(db, question)
    upto = held.thread.run.last_public_at if held.thread.run else None
    asking = {
        "turn": turn_id,
        "state": "asking",
        "asked_at": turn.asked_at or now,
        "due_at": now + lease,
        "tries": turn.tries + 1,
        "upto_at": upto.at if upto else 0,
        "upto_number": upto.number if upto else 0,
    }
    _WRITE.later(db, asking)
    return question


def wait_for_reply(db: Transaction, agent: AgentTerms, turn_id: str, now: int) -> None:
    """The agent will answer at the reply address; give it its time."""
    reply_by = now + int(agent.reply_within_s * 1e6)
    db.execute(
        update(TurnRow)
        .where(TurnRow.id == turn_id, TurnRow.state == "asking")
        .values(state="waiting", reply_by=reply_by, due_at=reply_by)
    )


def record_answer(
    db: Transaction,
    terms: Terms,
    turn_id: str,
    answer: Answer,
    *,
    now: int,
    link: str,
    reception: Receive = always_open,
) -> Recorded:
    """Record an answer once: said, drafted or discarded.

    The same answer again gives the same verdict; a different one raises Conflict.
    """
    held, row, turn = _lock(db, turn_id)
    digest = hashlib.sha256(msgspec.json.encode(answer, order="sorted")).hexdigest()
    if turn.digest is not None:
        if turn.digest != digest:
            raise Conflict("this turn was answered differently before")
        return Recorded(verdict="recorded" if turn.verdict == "recorded" else "discarded")
    why = _why_not(held, row, turn)
    reason = None
    if why is None and row.mode == "ai":
        reason = rules.said_meanwhile(db, terms.agent, turn)
        why = f"not said: {reason}" if reason is not None else None
    if why is not None:
        for index, text in enumerate(answer.messages):
            _write(db, terms, held, row.id, text, "message", "discarded", now, index, why)
        _end(db, turn_id, "discarded", turn.why or why, now, digest)
        recorded = Recorded(verdict="discarded", why=why)
        if reason is not None:
            recorded.owed |= _by_rule(db, terms, held, row, reason, now, link, reception).owed
    else:
        recorded = _say(db, terms, held, row, turn, answer, now, link, digest, reception)
        recorded.learned_of = held.contact_id
    _ask_again_if_needed(db, terms, held, row.id, recorded, now)
    return recorded


def tries(db: Transaction, turn_id: str) -> int:
    """How often a turn has been asked; with `begin`, the number of the try that began."""
    return db.scalars(select(TurnRow.tries).where(TurnRow.id == turn_id)).one()


def record_failure(
    db: Transaction,
    terms: Terms,
    turn_id: str,
    error: GatewayError,
    *,
    now: int,
    link: str,
    of_try: int | None = None,
    reception: Receive = always_open,
) -> Recorded:
    """The agent could not be asked: try again soon, or hand the session to people.

    `of_try` is the try that failed: when its worker was taken for dead, another is asking now.
    """
    held, row, turn = _lock(db, turn_id)
    if turn.state != "asking":
        return Recorded(verdict="discarded", why="the turn had ended")
    if of_try is not None and turn.tries != of_try:
        return Recorded(verdict="discarded", why="another worker is asking it")
    timeouts = turn.timeouts + bool(error.details.get("timeout"))
    elapsed = now - (turn.asked_at or now)
    last_was_timeout = bool(error.details.get("timeout"))
    patient = elapsed < terms.agent.patience_s * 1e6 or (last_was_timeout and timeouts < 2)
    if isinstance(error, Again) and patient:
        pause = _RETRY_AFTER_US[min(turn.tries - 1, len(_RETRY_AFTER_US) - 1)]
        wished = int((error.after_s or 0) * 1e6)
        db.execute(
            update(TurnRow)
            .where(TurnRow.id == turn_id)
            .values(
                state="due", due_at=now + max(pause, wished), timeouts=timeouts, why=error.message
            )
        )
        return Recorded(verdict="retry", why=error.message)
    return _give_up(db, terms, held, turn, row, error.message, now, link, reception)


# -- one transaction -------------------------------------------------------------------------------


def _lock(db: Transaction, turn_id: str) -> tuple[Held, Any, Any]:
    known = _SESSION_OF.first(db, {"turn": turn_id})
    if known is None:
        raise NotFound("there is no such turn")
    held, row = lock_session(db, known.session_id)
    (turn,) = _TURN.run(db, {"turn": turn_id})
    return held, row, turn


def _why_not(held: Held, row: Any, turn: Any) -> str | None:
    """Why an answer may not be used; None if it may."""
    if turn.state not in turns.OPEN:
        return turn.why or "the turn had ended"
    if row.status == "finished":
        return "the session is finished"
    if row.epoch != turn.epoch or row.mode == "human":
        return "the session changed hands while the answer was being thought out"
    run = held.thread.run
    told = (turn.upto_at, turn.upto_number)
    if row.mode == "copilot" and run and (run.last_public_at.at, run.last_public_at.number) > told:
        return "somebody spoke while the draft was being written"
    return None


def _say(
    db: Transaction,
    terms: Terms,
    held: Held,
    row: Any,
    turn: Any,
    answer: Answer,
    now: int,
    link: str,
    digest: str,
    reception: Receive,
) -> Recorded:
    helpful, reason = rules.is_helpful(db, terms.agent, turn, answer)
    _end(db, turn.id, "recorded", None, now, digest, helpful)
    found = rules.found_in_answer(terms.agent, row.parameters, row.results, answer)
    reason = found or reason
    results = {**row.results, **answer.results}
    db.execute(
        update(ChatSession)
        .where(ChatSession.id == row.id)
        .values(parameters={**row.parameters, **answer.parameters}, results=results)
    )
    recorded = Recorded(verdict="recorded")
    request = answer.handover
    if request is not None:
        recorded.why = doors.handover_allowed(terms, request)
    if row.mode == "copilot":
        _draft(db, terms, held, row, turn.id, answer.messages, now, recorded)
    elif request is not None and recorded.why is None:
        db.execute(
            update(ChatSession).where(ChatSession.id == row.id).values(summary=request.summary)
        )
        done = doors.give_to_people(
            db, terms, held, row.id,
            trigger=request.trigger, by=Actor(kind="ai", name=terms.agent.name),
            reason=request.reason, summary=request.summary, results=results, link=link, now=now,
            last_words=list(answer.messages), reception=reception,
        )  # fmt: skip
        recorded.owed |= done.owed
    elif reason is not None:
        last_words = list(answer.messages)
        recorded.owed |= _by_rule(
            db, terms, held, row, reason, now, link, reception, results, last_words
        ).owed
        recorded.why = "; ".join(filter(None, (recorded.why, f"handed over: {reason}")))
    elif answer.finish and not briefing.has_unasked(db, row.id):
        done = doors.end(
            db, terms, held, row.id,
            by=Actor(kind="ai", name=terms.agent.name), reason="", now=now,
            last_words=list(answer.messages),
        )  # fmt: skip
        recorded.owed |= done.owed
    else:
        outcome = Outcome(owed=recorded.owed)
        owing = Owing(db, terms, held, row.id, outcome, now, epoch=row.epoch)
        for text in answer.messages:
            owing.words("answer", text, Actor(kind="ai", name=terms.agent.name))
    if recorded.why:
        db.execute(update(TurnRow).where(TurnRow.id == turn.id).values(why=recorded.why))
    return recorded


def _by_rule(
    db: Transaction,
    terms: Terms,
    held: Held,
    row: Any,
    reason: str,
    now: int,
    link: str,
    reception: Receive,
    results: Mapping[str, Any] | None = None,
    last_words: Sequence[str] = (),
) -> Recorded:
    """Hand the session to people because a rule, or the loop guard, says so."""
    done = doors.give_to_people(
        db, terms, held, row.id,
        trigger="rule", by=SYSTEM, reason=reason, link=link, now=now,
        results=dict(row.results if results is None else results), last_words=list(last_words),
        reception=reception,
    )  # fmt: skip
    return Recorded(verdict="discarded", why=reason, owed=done.owed)


def _draft(
    db: Transaction,
    terms: Terms,
    held: Held,
    row: Any,
    turn_id: str,
    messages: Sequence[str],
    now: int,
    recorded: Recorded,
) -> None:
    if terms.channel.drafts == "note":
        owing = Owing(db, terms, held, row.id, Outcome(owed=recorded.owed), now, epoch=row.epoch)
        author = Actor(kind="ai", name=terms.agent.name)
        ids = [owing.words("draft", text, author) for text in messages]
    else:
        ids = [
            _write(db, terms, held, row.id, text, "draft", "received", now, index, None)
            for index, text in enumerate(messages)
        ]
    drafts.keep(db, ids, row.id, turn_id, now)


def _ask_again_if_needed(
    db: Transaction, terms: Terms, held: Held, session_id: str, recorded: Recorded, now: int
) -> None:
    """Words that came while the agent was thinking join the next turn."""
    run = held.thread.run
    if run is None or run.state not in ("ai", "copilot"):
        return
    if not briefing.has_unasked(db, session_id):
        return
    ref = next((ref for ref in load(db, held, run.opened_by) if ref.id == session_id), None)
    if ref is None:
        return
    cause = "draft" if ref.state == "copilot" else "message"
    turns.owe(db, held, ref, cause, terms.agent, now)
    recorded.owed.add("turns")


def _give_up(
    db: Transaction,
    terms: Terms,
    held: Held,
    turn: Any,
    row: Any,
    error: str,
    now: int,
    link: str,
    reception: Receive,
) -> Recorded:
    """No dead air: the customer gets a person instead."""
    _end(db, turn.id, "failed", error, now)
    recorded = Recorded(verdict="gave_up", why=error)
    if row.mode == "ai" and row.status == "active":
        done = doors.give_to_people(
            db, terms, held, row.id,
            trigger="fault", by=SYSTEM, reason=UNAVAILABLE, summary=error, link=link, now=now,
            reception=reception,
        )  # fmt: skip
        recorded.owed |= done.owed
    return recorded


def _end(
    db: Transaction,
    turn_id: str,
    state: str,
    why: str | None,
    now: int,
    digest: str | None = None,
    helpful: bool | None = None,
) -> None:
    ended = {
        "turn": turn_id,
        "state": state,
        "why": why,
        "ended_at": now,
        "digest": digest,
        "verdict": state if digest else None,
        "helpful": helpful,
    }
    _WRITE.later(db, ended)


def _write(
    db: Transaction,
    terms: Terms,
    held: Held,
    session_id: str,
    text: str,
    kind: str,
    state: str,
    now: int,
    index: int,
    why: str | None,
) -> str:
    return history.write_own(
        db, held,
        session_id=session_id, kind=kind, author=Actor(kind="ai", name=terms.agent.name), text=text,
        html=terms.channel.render(text), state=state, now=now, index=index, why=why,
    )  # fmt: skip
