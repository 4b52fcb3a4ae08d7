"""What happened, for those who follow: the journal, and how far it has been put in order."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Identity, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Json, Micros


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
