"""Sessions among people: how long they held one, to whom it was offered, what the AI drafted."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Micros, one_of


class StretchRow(Base):
    """A time in which people held a session. `trigger` is None where no handover began it."""

    __tablename__ = "stretches"
    session_id: Mapped[str] = mapped_column(ForeignKey("chat_sessions.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    began_at: Mapped[Micros]
    trigger: Mapped[str | None]
    reason: Mapped[str | None] = mapped_column(Text)
    handed_by: Mapped[str | None]
    accepted_at: Mapped[Micros | None]
    accepted_by: Mapped[str | None]
    first_reply_at: Mapped[Micros | None]
    ended_at: Mapped[Micros | None]
    __table_args__ = (Index("ix_stretches_began_at", "began_at"),)


class Offer(Base):
    """A session offered to one person; to nobody: none was free, and it is looked again then."""

    __tablename__ = "offers"
    id: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("chat_sessions.id"))
    operator_id: Mapped[str | None] = mapped_column(ForeignKey("operators.id"))
    offered_at: Mapped[Micros]
    until: Mapped[Micros]
    state: Mapped[str]
    ended_at: Mapped[Micros | None]
    __table_args__ = (
        one_of("state", "open", "accepted", "declined", "expired", "withdrawn"),
        CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended_at"),
        Index("uq_offers_open", "session_id", unique=True,
              sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
        Index("ix_offers_session", "session_id", "offered_at"),
        Index("ix_offers_operator", "operator_id", "offered_at"),
    )  # fmt: skip


class Draft(Base):
    """What became of a draft. `sent_as` are the words that were said instead of it."""

    __tablename__ = "drafts"
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("chat_sessions.id"))
    turn_id: Mapped[str] = mapped_column(ForeignKey("turns.id"))
    state: Mapped[str]
    created_at: Mapped[Micros]
    ended_at: Mapped[Micros | None]
    ended_by: Mapped[str | None] = mapped_column(ForeignKey("operators.id"))
    sent_as: Mapped[str | None] = mapped_column(ForeignKey("messages.id"))
    __table_args__ = (
        one_of("state", "open", "sent", "edited", "discarded", "expired"),
        CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended_at"),
        CheckConstraint("sent_as IS NULL OR state IN ('sent', 'edited')", name="sent_as"),
        Index("ix_drafts_open", "session_id", sqlite_where=text("state = 'open'"),
              postgresql_where=text("state = 'open'")),
        Index("ix_drafts_ended", "created_at"),
    )  # fmt: skip
