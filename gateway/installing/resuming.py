"""When a channel that rested is asked again: what waited is due, and what was missed is read."""

from __future__ import annotations

from sqlalchemy import case, select, update

from gateway.conversations.lanes import HELD_US
from gateway.reconciling import passes
from gateway.store import Transaction
from gateway.store.models import (
    Backfill,
    ContactPush,
    Conversation,
    Doubt,
    PastConversation,
    Push,
    Reconciliation,
    TurnRow,
)


def resume(db: Transaction, channel: str, installation_id: str, now: int) -> set[str]:
    """Make due what waited; return what to wake.

    What was begun before is read back no earlier than it would have been without the rest. A pass
    reads what happened meanwhile: nobody could be told of it.
    """
    here = select(Conversation.id).where(Conversation.channel == channel)
    db.execute(
        update(Push)
        .where(Push.conversation_id.in_(here), Push.state == "owed", Push.due_at > now)
        .values(due_at=now)
    )
    held_until = Push.begun_at + HELD_US
    db.execute(
        update(Push)
        .where(Push.conversation_id.in_(here), Push.state.in_(("sending", "unknown")))
        .values(due_at=case((held_until > now, held_until), else_=now))
    )
    db.execute(
        update(TurnRow)
        .where(TurnRow.conversation_id.in_(here), TurnRow.state == "due", TurnRow.due_at > now)
        .values(due_at=now)
    )
    db.execute(
        update(Conversation)
        .where(Conversation.channel == channel, Conversation.read_due.is_not(None))
        .values(read_due=now, read_attempts=0)
    )
    db.execute(
        update(ContactPush)
        .where(ContactPush.installation_id == installation_id, ContactPush.state == "owed")
        .values(due_at=now)
    )
    db.execute(update(Doubt).where(Doubt.conversation_id.in_(here)).values(due_at=now, tries=0))
    # One that began before the rest would end where it began: it walks the list anew, up to now.
    passes.begin(db, installation_id, asked_by="clock", now=now)
    db.execute(
        update(Reconciliation)
        .where(Reconciliation.installation_id == installation_id, Reconciliation.ended_at.is_(None))
        .values(due_at=now, until=now, cursor=None, listed_at=None, trouble=None)
    )
    # A backfill goes on where it was: what is news by now, the pass reads.
    unended = select(Backfill.id).where(Backfill.channel == channel, Backfill.ended_at.is_(None))
    db.execute(update(Backfill).where(Backfill.id.in_(unended)).values(due_at=now, trouble=None))
    db.execute(
        update(PastConversation)
        .where(PastConversation.backfill_id.in_(unended))
        .values(due_at=now, tries=0)
    )
    return {"deliver", "turns", "sync", "directory"}
