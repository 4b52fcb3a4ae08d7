"""Backfills: how far a channel's past has been imported, and what of it is still to be read."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Micros

THE_BEGINNING = 1_000_000
"""Before it nothing was ever said (µs): the first second that a search can be asked for."""


class Backfill(Base):
    """An import of the conversations that last changed from `since` to `until` (µs).

    What happened after `horizon` (the channel's time) is not history: its own notifications tell
    it, or a pass does. It is known, as the workspace is, once the channel has been asked for both.
    `cursor` is how far the list from `list_since` to `list_until` has been walked, in the channel's
    own words; `listed_at` says that all was listed. The backfill is over when it has no
    `PastConversation` left. `expected` conversations are there in the channel's own count. Of those
    `found`, `read` ones were read, `known` ones had been before, `gone` ones were no longer there,
    `failed` ones could not be. `messages` (with notes) were new, `lost` parts of `shortened`
    conversations are too many for the channel to tell. `trouble` is why it does not go on. One that
    was `stopped_at` somebody's wish ended then, whatever it had not listed or read.
    """

    __tablename__ = "backfills"
    id: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str]
    installation_id: Mapped[str | None] = mapped_column(ForeignKey("installations.id"))
    since: Mapped[Micros]
    until: Mapped[Micros]
    horizon: Mapped[Micros | None]
    list_since: Mapped[Micros]
    list_until: Mapped[Micros]
    cursor: Mapped[str | None] = mapped_column(Text)
    began_at: Mapped[Micros]
    due_at: Mapped[Micros]
    listed_at: Mapped[Micros | None]
    ended_at: Mapped[Micros | None]
    stopped_at: Mapped[Micros | None]
    trouble: Mapped[str | None] = mapped_column(Text)
    expected: Mapped[int | None] = mapped_column(Integer)
    found: Mapped[int] = mapped_column(Integer, default=0)
    known: Mapped[int] = mapped_column(Integer, default=0)
    read: Mapped[int] = mapped_column(Integer, default=0)
    gone: Mapped[int] = mapped_column(Integer, default=0)
    failed: Mapped[int] = mapped_column(Integer, default=0)
    messages: Mapped[int] = mapped_column(Integer, default=0)
    shortened: Mapped[int] = mapped_column(Integer, default=0)
    lost: Mapped[int] = mapped_column(Integer, default=0)
    people: Mapped[int] = mapped_column(Integer, default=0)
    staff: Mapped[int] = mapped_column(Integer, default=0)
    __table_args__ = (
        CheckConstraint("ended_at IS NULL OR listed_at IS NOT NULL", name="listed"),
        CheckConstraint("listed_at IS NULL OR installation_id IS NOT NULL", name="opened"),
        CheckConstraint("(installation_id IS NULL) = (horizon IS NULL)", name="horizon"),
        Index("uq_backfills_open", "channel", unique=True,
              sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
        Index("ix_backfills_newest", "channel", "id"),
    )  # fmt: skip


class PastConversation(Base):
    """A conversation that a backfill has listed and not read; it last changed at `changed_at`."""

    __tablename__ = "past_conversations"
    backfill_id: Mapped[str] = mapped_column(ForeignKey("backfills.id"), primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    changed_at: Mapped[Micros]
    due_at: Mapped[Micros]
    tries: Mapped[int] = mapped_column(Integer, default=0)
    __table_args__ = (Index("ix_past_conversations_newest", "backfill_id", "changed_at"),)
