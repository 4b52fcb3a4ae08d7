"""What is known of reading, and what customers thought of it."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Micros, one_of


class ReadMark(Base):
    """Up to which line of a session one side has read, and when it said so (`read_at`): what the
    other side is told. What each operator has read is in OperatorReadMark.

    The line is `message_id`; its place in the history is kept with it, since lines may go. A mark
    only ever moves on.
    """

    __tablename__ = "read_marks"
    session_id: Mapped[str] = mapped_column(ForeignKey("chat_sessions.id"), primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    message_id: Mapped[str]
    at: Mapped[Micros]
    number: Mapped[int]
    step: Mapped[int] = mapped_column(Integer)
    read_at: Mapped[Micros]
    __table_args__ = (one_of("side", "customer", "operator"),)


class OperatorReadMark(Base):
    """Up to which line of a session an operator has read: theirs alone, and told to nobody."""

    __tablename__ = "operator_read_marks"
    session_id: Mapped[str] = mapped_column(ForeignKey("chat_sessions.id"), primary_key=True)
    operator_id: Mapped[str] = mapped_column(ForeignKey("operators.id"), primary_key=True)
    at: Mapped[Micros]
    number: Mapped[int]
    step: Mapped[int] = mapped_column(Integer)
    read_at: Mapped[Micros]


class Rating(Base):
    """What a customer thought of a finished session: 1 (bad) to 5 (good)."""

    __tablename__ = "ratings"
    session_id: Mapped[str] = mapped_column(ForeignKey("chat_sessions.id"), primary_key=True)
    score: Mapped[int] = mapped_column(Integer)
    comment: Mapped[str] = mapped_column(Text, default="")
    rated_at: Mapped[Micros]
    __table_args__ = (
        CheckConstraint("score BETWEEN 1 AND 5", name="score"),
        CheckConstraint("length(comment) <= 2000", name="comment"),
    )
