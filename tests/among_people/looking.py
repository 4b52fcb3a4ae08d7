"""Comparing the record with the model, and with what must hold whatever the model says."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import select

from gateway.store.models import (
    ChatSession,
    Conversation,
    Draft,
    JournalRow,
    Message,
    Offer,
    TurnRow,
)
from tests.among_people.model import Care, Model, S
from tests.desk import Desk

_LINES = (
    select(
        Message.id, Message.kind, Message.author_kind, Message.text, Message.data, Message.state,
        Message.session_id, Conversation.external_id.label("conversation"),
    )
    .join(Conversation, Conversation.id == Message.conversation_id)
    .order_by(Message.at, Message.number, Message.step, Message.id)
)  # fmt: skip
_STANDS = Offer.state == "open"
_TOLD = ("message.created", "note.created", "draft.created")


def look(it: Desk, model: Model) -> None:
    """Everything that must hold after every step."""
    with it.database.read() as db:
        sessions = {row.id: row for row in db.execute(select(*ChatSession.__table__.columns))}
        lines = list(db.execute(_LINES))
        turns = {
            row.session_id
            for row in db.execute(
                select(TurnRow.session_id).where(TurnRow.state.in_(("due", "asking", "waiting")))
            )
        }
        drafts = list(db.execute(select(Draft.session_id, Draft.state, Draft.message_id)))
        offers = list(db.execute(select(Offer.session_id, Offer.operator_id).where(_STANDS)))
        journal = list(
            db.execute(
                select(JournalRow.message_id)
                .where(JournalRow.kind.in_(_TOLD))
                .order_by(JournalRow.id)
            )
        )
    assert set(sessions) == set(model.cares)
    for id, care in model.cares.items():
        _same(it, model, care, sessions[id])
        _nobody_is_forgotten(care, sessions[id], turns)
    _seen(model, lines)
    _silent(lines)
    _drafted(model, drafts, lines)
    _offered(model, offers)
    # Whoever follows the journal hears of every line once, and of nothing else.
    shown = [line.id for line in lines if line.kind != "marker" and line.state != "discarded"]
    assert sorted(row.message_id for row in journal) == sorted(shown)


def _same(it: Desk, model: Model, care: Care, row: Any) -> None:
    assert (row.status == "finished", row.mode) == (care.finished, care.mode)
    kind = {None: "unassigned", "ai": "ai"}.get(care.who, "operator")
    assert row.responsible_kind == kind
    if kind == "operator":
        assert row.responsible_id == care.who
    wait = care.wait
    assert (row.wait_step, row.wait_since) == (wait or (None, None))
    assert row.wait_rung == care.rung
    if wait and care.rung is not None:
        after = model.rules.on(wait[0], care.rung).after
        assert row.wait_due == wait[1] + after * S


def _nobody_is_forgotten(care: Care, row: Any, turns: set[str]) -> None:
    if care.finished:
        assert row.wait_due is None
        assert row.id not in turns
        return
    if care.mode == "ai":
        if care.unanswered is not None and not care.excused:
            assert row.id in turns, "the customer waits for the AI, and nobody will ask it"
        return
    if care.promise:
        assert row.wait_due is not None, "a person was promised, without a deadline"
    if care.unanswered is not None:
        assert row.wait_due is not None, "words stand unanswered among people, without a deadline"


def _seen(model: Model, lines: list[Any]) -> None:
    """What customers see is what was said, in order, once."""
    seen = defaultdict(list)
    for line in lines:
        if line.kind == "message" and line.state in ("received", "sent"):
            seen[line.conversation].append(line.text)
    assert dict(seen) == model.seen


def _silent(lines: list[Any]) -> None:
    """Between a handover and the return of the AI there is no word of the AI."""
    silent: dict[str, bool] = {}
    for line in lines:
        if line.kind == "marker":
            kind = line.data["kind"]
            if kind in ("handover", "copilot_on", "finished"):
                silent[line.session_id] = True
            elif kind == "returned":
                silent[line.session_id] = False
        elif line.kind == "message" and line.author_kind == "ai" and line.state == "sent":
            assert not silent.get(line.session_id), "the AI spoke after the handover"


def _drafted(model: Model, drafts: list[Any], lines: list[Any]) -> None:
    words = {line.id: line.text for line in lines}
    for id, care in model.cares.items():
        kept = {words[row.message_id]: row.state for row in drafts if row.session_id == id}
        assert kept == care.drafts


def _offered(model: Model, offers: list[Any]) -> None:
    """Only what waits stands offered, and to one person at a time."""
    assert len(offers) == len({row.session_id for row in offers})
    if not model.rules.round_robin:
        assert offers == []
    for row in offers:
        wait = model.cares[row.session_id].wait
        assert wait is not None, "offered, though nobody waits"
        assert wait[0] == "accept", "offered, though somebody has it"


def look_rested(it: Desk, model: Model) -> None:
    """What must hold once every deadline that was due has been looked after."""
    assert it.bench.works["deadlines"].due(10) == []
    offers = {row.session_id for row in it.all(select(Offer.session_id).where(_STANDS))}
    for care in model.cares.values():
        wait = care.wait
        if wait is None:
            assert not care.promise
            continue
        step, since = wait
        if model.rules.round_robin and step == "accept":
            assert care.id in offers
        last = model.rules.silent_until(step)
        if care.promise and last is not None:
            assert it.now < since + last * S, "a promise stands past the ladder's last words"
