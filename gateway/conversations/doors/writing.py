"""Writing: words to the customer, and notes among people."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.conversations import drafts
from gateway.conversations.doors.callers import (
    MAY_ACT,
    Caller,
    Done,
    act_of,
    assignee_of,
    not_blank,
    permitted,
    seat_of,
)
from gateway.conversations.doors.owing import Owing, act_and_assign
from gateway.conversations.record import Outcome
from gateway.conversations.thread import lock_session
from gateway.errors import Conflict, Forbidden
from gateway.events import Attachment, Fact, HandedOver, ResponsibleSet
from gateway.files import Owner, to_send
from gateway.policy import Terms
from gateway.store import Transaction


def write_message(
    db: Transaction,
    terms: Terms,
    session_id: str,
    caller: Caller,
    *,
    text: str,
    now: int,
    files: Sequence[str] = (),
) -> Done:
    """Say something to the customer as the caller, with files that they uploaded.

    Writing into a session of the AI takes it over, writing into one that waits accepts it.
    """
    held, row = permitted(db, session_id, caller, "write")
    if not files:
        not_blank(text)
    attachments = _attached(db, terms, caller, files)
    as_operator = seat_of(terms, caller)
    owed: set[str] = set()
    act: Fact | None = None
    to = assignee_of(terms, caller)
    if row.mode == "ai":
        act = HandedOver(**act_of(held, now), trigger="reply", by=caller.actor, to=to)
    elif row.responsible_kind in ("unassigned", "ai"):
        act = ResponsibleSet(
            **act_of(held, now), how="accepted", to=to, name=caller.name, by=caller.actor
        )
    if act is not None:
        owed |= act_and_assign(db, terms, held, session_id, act, to, now).owed
    if row.mode == "copilot":
        drafts.expire(db, session_id, now)
    owing = Owing(db, terms, held, session_id, Outcome(owed=owed), now, epoch=row.epoch)
    message_id = owing.words(
        "operator", text, caller.actor, as_operator=as_operator, attachments=attachments
    )
    return Done(session_id=session_id, owed=owed, message_id=message_id)


def _attached(
    db: Transaction, terms: Terms, caller: Caller, ids: Sequence[str]
) -> Sequence[Attachment]:
    """Raises Conflict where they could not be sent, rather than to leave them out."""
    if ids and not terms.channel.carries_files:
        raise Conflict(
            f"{terms.channel.name} cannot carry files; send them in the channel's own inbox, "
            "or a link to them"
        )
    mine = Owner(kind="operator", id=caller.id)
    return [file.as_attachment() for file in to_send(db, mine, ids, locking=True)]


def write_note(
    db: Transaction, terms: Terms, session_id: str, caller: Caller, *, text: str, now: int
) -> Done:
    """Leave a note for the people inside, in the record and in the channel."""
    if caller.role not in MAY_ACT:
        raise Forbidden("You do not have permission to write")
    held, row = lock_session(db, session_id)
    not_blank(text)
    outcome = Outcome()
    owing = Owing(db, terms, held, session_id, outcome, now, epoch=row.epoch)
    message_id = owing.words("note", text, caller.actor, as_operator=seat_of(terms, caller))
    return Done(session_id=session_id, owed=outcome.owed, message_id=message_id)
