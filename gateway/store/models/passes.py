"""Passes over what a channel changed: how far they are, what they doubt, what they repaired."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Json, Micros, one_of


class Reconciliation(Base):
    """One pass over what a channel changed since the last one, from `since` to `until` (µs).

    `cursor` is how far the channel's list has been walked, in the channel's own words; `listed_at`
    says that it was walked to its end. The pass is over when it has no `Doubt` left.
    `found` conversations had changed; of `doubted` ones the channel knew more than had been read
    from it; `repaired` ones were not as the record had them, `gone` ones are no longer there, and
    `lost` parts are too many for the channel to tell. `drift` counts what was missing by kind,
    `marks` what the channel noticed about what it listed. `trouble` is why it does not go on.
    """

    __tablename__ = "reconciliations"
    id: Mapped[str] = mapped_column(primary_key=True)
    installation_id: Mapped[str] = mapped_column(ForeignKey("installations.id"))
    channel: Mapped[str]
    asked_by: Mapped[str]
    since: Mapped[Micros]
    until: Mapped[Micros]
    cursor: Mapped[str | None] = mapped_column(Text)
    began_at: Mapped[Micros]
    due_at: Mapped[Micros]
    listed_at: Mapped[Micros | None]
    ended_at: Mapped[Micros | None]
    trouble: Mapped[str | None] = mapped_column(Text)
    found: Mapped[int] = mapped_column(Integer, default=0)
    doubted: Mapped[int] = mapped_column(Integer, default=0)
    read: Mapped[int] = mapped_column(Integer, default=0)
    repaired: Mapped[int] = mapped_column(Integer, default=0)
    gone: Mapped[int] = mapped_column(Integer, default=0)
    lost: Mapped[int] = mapped_column(Integer, default=0)
    people: Mapped[int] = mapped_column(Integer, default=0)
    drift: Mapped[Json] = mapped_column(default=dict)
    marks: Mapped[Json] = mapped_column(default=dict)
    __table_args__ = (
        one_of("asked_by", "clock", "command"),
        CheckConstraint("ended_at IS NULL OR listed_at IS NOT NULL", name="listed"),
        Index("uq_reconciliations_open", "installation_id", unique=True,
              sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
        Index("ix_reconciliations_newest", "channel", "id"),
    )  # fmt: skip


class Doubt(Base):
    """A conversation that changed in its channel at `doubted_at`, after it was read last.

    It is read from `due_at` on, when whatever is still on its way has arrived.
    """

    __tablename__ = "doubts"
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    reconciliation_id: Mapped[str] = mapped_column(ForeignKey("reconciliations.id"))
    doubted_at: Mapped[Micros]
    due_at: Mapped[Micros]
    tries: Mapped[int] = mapped_column(Integer, default=0)
    __table_args__ = (Index("ix_doubts_newest", "reconciliation_id", "doubted_at"),)


class Repair(Base):
    """One conversation that a pass found different: `learned` counts what was missing by kind."""

    __tablename__ = "repairs"
    reconciliation_id: Mapped[str] = mapped_column(
        ForeignKey("reconciliations.id"), primary_key=True
    )
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    session_id: Mapped[str | None] = mapped_column(ForeignKey("chat_sessions.id"))
    at: Mapped[Micros]
    learned: Mapped[Json]
    effect: Mapped[str | None] = mapped_column(Text)
