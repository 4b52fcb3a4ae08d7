"""Answers of the AI agent: said, drafted or discarded, once; and its failures."""

from __future__ import annotations

import hashlib

import msgspec
from sqlalchemy import update

from gateway.conversations import briefing, doors, drafts, history, rules, turns
from gateway.conversations.asking.held import HeldTurn, Recorded, lock
from gateway.conversations.doors import Owing
from gateway.conversations.reception import Receive, always_open
from gateway.conversations.record import Outcome
from gateway.conversations.runs import load
from gateway.errors import Again, Conflict, GatewayError
from gateway.events import Actor, Answer
from gateway.policy import Terms
from gateway.store import Transaction
from gateway.store.models import ChatSession, TurnRow

_RETRY_AFTER_US = (1_000_000, 3_000_000)


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
    one = _held(db, terms, turn_id, now, link, reception)
    row, turn = one.row, one.turn
    digest = hashlib.sha256(msgspec.json.encode(answer, order="sorted")).hexdigest()
    if turn.digest is not None:
        if turn.digest != digest:
            raise Conflict("this turn was answered differently before")
        return Recorded(verdict="recorded" if turn.verdict == "recorded" else "discarded")
    why = _why_not(one)
    reason = None
    if why is None and row.mode == "ai":
        reason = rules.said_meanwhile(db, terms.agent, turn)
        why = f"not said: {reason}" if reason is not None else None
    if why is not None:
        # Of a session that was forgotten meanwhile, not even what was not said is kept.
        said = answer.messages if row.forgotten_at is None else ()
        for index, text in enumerate(said):
            _write(one, text, "message", "discarded", index, why)
        one.end("discarded", turn.why or why, digest=digest)
        recorded = Recorded(verdict="discarded", why=why)
        if reason is not None:
            recorded.owed |= one.by_rule(reason).owed
    else:
        recorded = _say(one, answer, digest)
        recorded.learned_of = one.held.contact_id
    _ask_again_if_needed(one, recorded)
    return recorded


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
    one = _held(db, terms, turn_id, now, link, reception)
    turn = one.turn
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
    return one.give_up(error.message)


# -- one transaction -------------------------------------------------------------------------------


def _held(
    db: Transaction, terms: Terms, turn_id: str, now: int, link: str, reception: Receive
) -> HeldTurn:
    held, row, turn = lock(db, turn_id)
    return HeldTurn(
        db=db, terms=terms, held=held, row=row, turn=turn, now=now, link=link, reception=reception
    )


def _why_not(one: HeldTurn) -> str | None:
    """Why an answer may not be used; None if it may."""
    row, turn, run = one.row, one.turn, one.held.thread.run
    if turn.state not in turns.OPEN:
        return turn.why or "the turn had ended"
    if row.status == "finished":
        return "the session is finished"
    if row.epoch != turn.epoch or row.mode == "human":
        return "the session changed hands while the answer was being thought out"
    told = (turn.upto_at, turn.upto_number)
    if row.mode == "copilot" and run and (run.last_public_at.at, run.last_public_at.number) > told:
        return "somebody spoke while the draft was being written"
    return None


def _say(one: HeldTurn, answer: Answer, digest: str) -> Recorded:
    db, terms, held, row, turn, now = one.db, one.terms, one.held, one.row, one.turn, one.now
    helpful, reason = rules.is_helpful(db, terms.agent, turn, answer)
    one.end("recorded", None, digest=digest, helpful=helpful)
    found = rules.found_in_answer(terms.agent, row.parameters, row.results, answer)
    reason = found or reason
    results = {**row.results, **answer.results}
    if answer.parameters or answer.results:
        parameters = {**row.parameters, **answer.parameters}
        db.execute(
            update(ChatSession)
            .where(ChatSession.id == row.id)
            .values(parameters=parameters, results=results)
        )
    recorded = Recorded(verdict="recorded")
    request = answer.handover
    if request is not None:
        recorded.why = doors.handover_allowed(terms, request)
    if row.mode == "copilot":
        _draft(one, answer, recorded)
    elif request is not None and recorded.why is None:
        db.execute(
            update(ChatSession).where(ChatSession.id == row.id).values(summary=request.summary)
        )
        done = doors.give_to_people(
            db, terms, held, row.id,
            trigger=request.trigger, by=Actor(kind="ai", name=terms.agent.name),
            reason=request.reason, summary=request.summary, results=results, link=one.link, now=now,
            last_words=list(answer.messages), reception=one.reception,
        )  # fmt: skip
        recorded.owed |= done.owed
    elif reason is not None:
        done_by_rule = one.by_rule(reason, results=results, last_words=answer.messages)
        recorded.owed |= done_by_rule.owed
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


def _draft(one: HeldTurn, answer: Answer, recorded: Recorded) -> None:
    if one.terms.channel.drafts == "note":
        outcome = Outcome(owed=recorded.owed)
        epoch = one.row.epoch
        owing = Owing(one.db, one.terms, one.held, one.row.id, outcome, one.now, epoch=epoch)
        author = Actor(kind="ai", name=one.terms.agent.name)
        ids = [owing.words("draft", text, author) for text in answer.messages]
    else:
        ids = [
            _write(one, text, "draft", "received", index, None)
            for index, text in enumerate(answer.messages)
        ]
    drafts.keep(one.db, ids, one.row.id, one.turn.id, one.now)


def _ask_again_if_needed(one: HeldTurn, recorded: Recorded) -> None:
    """Words that came while the agent was thinking join the next turn."""
    db, held, session_id = one.db, one.held, one.row.id
    run = held.thread.run
    if run is None or run.state not in ("ai", "copilot"):
        return
    if not briefing.has_unasked(db, session_id):
        return
    ref = next((ref for ref in load(db, held, run.opened_by) if ref.id == session_id), None)
    if ref is None:
        return
    cause = "draft" if ref.state == "copilot" else "message"
    turns.owe(db, held, ref, cause, one.terms.agent, one.now)
    recorded.owed.add("turns")


def _write(one: HeldTurn, text: str, kind: str, state: str, index: int, why: str | None) -> str:
    return history.write_own(
        one.db, one.held,
        session_id=one.row.id, kind=kind, author=Actor(kind="ai", name=one.terms.agent.name),
        text=text, html=one.terms.channel.render(text), state=state, now=one.now, index=index,
        why=why,
    )  # fmt: skip
