"""What is owed, and who works on it: pushes to channels, turns of AI agents, claims."""

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

from gateway.store.models.base import Base, Micros, one_of


class Push(Base):
    """What we owe a channel, in the order of `id` within a conversation. One row, one life.

    `cause` names the fact or message that it comes from, so nothing is owed twice. `folded` is our
    own text as an echo of it would read, `token` the claim under which it was begun, `origin` what
    it follows from: a delivery, a call or a piece of work, by its id.
    """

    __tablename__ = "pushes"
    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True
    )
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    session_id: Mapped[str] = mapped_column(ForeignKey("chat_sessions.id"))
    message_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id"))
    cause: Mapped[str]
    kind: Mapped[str]
    role: Mapped[str]
    command: Mapped[str] = mapped_column(Text)
    folded: Mapped[str] = mapped_column(Text, default="")
    epoch: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(default="owed")
    due_at: Mapped[Micros]
    owed_at: Mapped[Micros]
    tried_at: Mapped[Micros | None]
    begun_at: Mapped[Micros | None]
    ended_at: Mapped[Micros | None]
    token: Mapped[str | None]
    tries: Mapped[int] = mapped_column(Integer, default=0)
    reads: Mapped[int] = mapped_column(Integer, default=0)
    unsure_for: Mapped[int] = mapped_column(default=0)
    overlapped: Mapped[bool] = mapped_column(default=False)
    accepted: Mapped[bool] = mapped_column(default=False)
    external_id: Mapped[str | None]
    error: Mapped[str | None] = mapped_column(Text)
    origin: Mapped[str | None]
    __table_args__ = (
        UniqueConstraint("conversation_id", "cause"),
        UniqueConstraint("conversation_id", "external_id", "kind"),
        one_of("kind", "send_message", "add_note", "assign", "close"),
        one_of("role", "answer", "last_words", "draft", "operator", "note", "assignment",
                "notice", "close"),
        one_of("state", "owed", "sending", "unknown", "sent", "failed", "cancelled"),
        CheckConstraint("state NOT IN ('sending', 'unknown') OR begun_at IS NOT NULL",
                        name="begun_at"),
        Index("ix_pushes_open", "conversation_id", "id",
              sqlite_where=text("state IN ('owed', 'sending', 'unknown')"),
              postgresql_where=text("state IN ('owed', 'sending', 'unknown')")),
        Index("ix_pushes_due", "due_at",
              sqlite_where=text("state IN ('owed', 'sending', 'unknown')"),
              postgresql_where=text("state IN ('owed', 'sending', 'unknown')")),
        Index("ix_pushes_session", "session_id"),
        Index("ix_pushes_failed", "id", sqlite_where=text("state = 'failed'"),
              postgresql_where=text("state = 'failed'")),
    )  # fmt: skip


class TurnRow(Base):
    """One question to the AI agent, from owed to answered. A session has at most one open.

    `helpful` is what a recorded answer was judged to be, for the rule that counts those that were
    not. `origin`: the delivery, call or piece of work from which it is owed, by its id.
    """

    __tablename__ = "turns"
    id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    session_id: Mapped[str] = mapped_column(ForeignKey("chat_sessions.id"))
    epoch: Mapped[int] = mapped_column(Integer)
    cause: Mapped[str]
    state: Mapped[str] = mapped_column(default="due")
    owed_at: Mapped[Micros]
    due_at: Mapped[Micros]
    asked_at: Mapped[Micros | None]
    reply_by: Mapped[Micros | None]
    ended_at: Mapped[Micros | None]
    tries: Mapped[int] = mapped_column(Integer, default=0)
    timeouts: Mapped[int] = mapped_column(Integer, default=0)
    upto_at: Mapped[Micros] = mapped_column(default=0)
    upto_number: Mapped[int] = mapped_column(default=0)
    digest: Mapped[str | None]
    verdict: Mapped[str | None]
    why: Mapped[str | None] = mapped_column(Text)
    helpful: Mapped[bool | None]
    origin: Mapped[str | None]
    __table_args__ = (
        one_of("cause", "message", "returned", "draft"),
        one_of("state", "due", "asking", "waiting", "recorded", "discarded", "failed"),
        Index("uq_turns_open", "session_id", unique=True,
              sqlite_where=text("state IN ('due', 'asking', 'waiting')"),
              postgresql_where=text("state IN ('due', 'asking', 'waiting')")),
        Index("ix_turns_due", "due_at",
              sqlite_where=text("state IN ('due', 'asking', 'waiting')"),
              postgresql_where=text("state IN ('due', 'asking', 'waiting')")),
        Index("ix_turns_session", "session_id"),
        Index("ix_turns_ended", "ended_at", sqlite_where=text("ended_at IS NOT NULL"),
              postgresql_where=text("ended_at IS NOT NULL")),
    )  # fmt: skip


class Claim(Base):
    """Who works on what, until when by the database's clock; taken by compare-and-set."""

    __tablename__ = "claims"
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[str]
    until: Mapped[Micros]
