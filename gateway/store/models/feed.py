"""What happened, for those who follow: the journal and its order, and what subscribers are owed."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Json, Micros, one_of


class JournalRow(Base):
    """One thing that happened: ids and small facts. What it means is read from the record.

    `place` is where it stands in the order of commits. On PostgreSQL a lower `id` may be committed
    after a higher one, so places are given afterwards (feed/order.py). SQLite has one writer at a
    time, so there the ids are in that order already, and `place` stays empty.
    Nothing refers to other tables: rows are written on the hot path and live for days. It also
    lets a row about words be written before those words change (see store/forms.py, `rank`).
    """

    __tablename__ = "journal"
    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True
    )
    place: Mapped[int | None]
    kind: Mapped[str]
    at: Mapped[Micros]
    session_id: Mapped[str | None]
    conversation_id: Mapped[str | None]
    contact_id: Mapped[str | None]
    message_id: Mapped[str | None]
    data: Mapped[Json | None]
    __table_args__ = (
        UniqueConstraint("place"),
        Index("ix_journal_conversation", "conversation_id", "place"),
        # An id must never come again, or a reader's cursor would be ahead of what is new.
        {"sqlite_autoincrement": True},
    )


class JournalHead(Base):
    """The one row that says how far the journal goes: the `last` place given (PostgreSQL), and the
    highest one that has been `forgotten`. Locking it is the right to give places."""

    __tablename__ = "journal_head"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(default=0)
    forgotten: Mapped[int] = mapped_column(default=0)
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)


class Subscriber(Base):
    """How far a subscriber of the settings has been told, and how it fares.

    `cursor`: journal rows up to this place have been turned into deliveries. After `failures` in a
    row it is left alone until `rest_until`. `disabled_at`: it said that it wants no more (410).
    """

    __tablename__ = "subscribers"
    name: Mapped[str] = mapped_column(primary_key=True)
    cursor: Mapped[int]
    joined_at: Mapped[Micros]
    failures: Mapped[int] = mapped_column(Integer, default=0)
    rest_until: Mapped[Micros] = mapped_column(default=0)
    sent_at: Mapped[Micros | None]
    error: Mapped[str | None] = mapped_column(Text)
    disabled_at: Mapped[Micros | None]


class EventDelivery(Base):
    """One event owed to one subscriber; a copy of its row in the journal, which may be forgotten.

    `subject` is the session (else the contact) that it is about: events of one subject go in the
    order of `place`. `lane` divides subjects among those who post at the same time.
    """

    __tablename__ = "event_deliveries"
    id: Mapped[str] = mapped_column(primary_key=True)
    subscriber: Mapped[str] = mapped_column(ForeignKey("subscribers.name"))
    place: Mapped[int]
    event_id: Mapped[str]
    kind: Mapped[str]
    at: Mapped[Micros]
    subject: Mapped[str]
    lane: Mapped[int] = mapped_column(Integer)
    session_id: Mapped[str | None]
    contact_id: Mapped[str | None]
    message_id: Mapped[str | None]
    data: Mapped[Json | None]
    state: Mapped[str]
    owed_at: Mapped[Micros]
    due_at: Mapped[Micros]
    ended_at: Mapped[Micros | None]
    tries: Mapped[int] = mapped_column(Integer, default=0)
    status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        UniqueConstraint("subscriber", "place"),
        one_of("state", "owed", "sent", "dead", "cancelled"),
        CheckConstraint("(state = 'owed') = (ended_at IS NULL)", name="ended_at"),
        Index("ix_event_deliveries_due", "subscriber", "lane", "due_at",
              sqlite_where=text("state = 'owed'"), postgresql_where=text("state = 'owed'")),
        Index("ix_event_deliveries_order", "subscriber", "subject", "place",
              sqlite_where=text("state = 'owed'"), postgresql_where=text("state = 'owed'")),
        Index("ix_event_deliveries_list", "subscriber", "state", "id"),
    )  # fmt: skip
