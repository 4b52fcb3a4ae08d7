"""How people work together: teams, days off, pictures, and the mails that call them."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Micros, one_of


class Team(Base):
    """Operators who answer for the same customers."""

    __tablename__ = "teams"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[Micros]


class TeamMember(Base):
    """Who is in a team."""

    __tablename__ = "team_members"
    team_id: Mapped[str] = mapped_column(
        ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True
    )
    operator_id: Mapped[str] = mapped_column(
        ForeignKey("operators.id"), primary_key=True, index=True
    )


class DayOff(Base):
    """A day (`2026-12-25`, in the workspace's time zone) on which an operator does not work."""

    __tablename__ = "days_off"
    operator_id: Mapped[str] = mapped_column(ForeignKey("operators.id"), primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    __table_args__ = (CheckConstraint("length(day) = 10", name="day"),)


class OperatorAvatar(Base):
    """An operator's picture. `digest` is its SHA-256, by which it is served and known to browsers.

    The type is the one that its bytes show, whatever the upload said. Customers see it under a name
    that tells nothing and that nobody can guess, another one for each picture: `shown_as`.
    """

    __tablename__ = "operator_avatars"
    operator_id: Mapped[str] = mapped_column(ForeignKey("operators.id"), primary_key=True)
    digest: Mapped[str]
    shown_as: Mapped[str | None] = mapped_column(index=True, unique=True)
    content_type: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    set_at: Mapped[Micros]
    __table_args__ = (one_of("content_type", "image/png", "image/jpeg", "image/webp", "image/gif"),)


class WaitMail(Base):
    """A mail that calls an operator: somebody has been waiting `since`. One for each of both.

    `sending` is committed before it goes out; what is found so later is never sent again.
    """

    __tablename__ = "wait_mails"
    id: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("chat_sessions.id"))
    since: Mapped[Micros]
    operator_id: Mapped[str] = mapped_column(ForeignKey("operators.id"))
    state: Mapped[str] = mapped_column(default="owed")
    owed_at: Mapped[Micros]
    due_at: Mapped[Micros]
    ended_at: Mapped[Micros | None]
    tries: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        UniqueConstraint("session_id", "since", "operator_id"),
        one_of("state", "owed", "sending", "sent", "failed", "cancelled"),
        Index("ix_wait_mails_operator", "operator_id", "owed_at"),
        Index("ix_wait_mails_open", "due_at",
              sqlite_where=text("state IN ('owed', 'sending')"),
              postgresql_where=text("state IN ('owed', 'sending')")),
    )  # fmt: skip
