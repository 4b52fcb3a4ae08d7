"""What channels reported: workspaces, deliveries, staff, and conversations with their sessions."""

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

from gateway.store.models.base import Base, Json, Micros, one_of

UNPLACED = 10**16
"""Added to the time of words of ours until their channel has placed them: they come last."""


class Installation(Base):
    """One workspace of a channel. `slot` is "" for the one that a private channel has pinned."""

    __tablename__ = "installations"
    id: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str]
    slot: Mapped[str]
    external_id: Mapped[str]
    created_at: Mapped[Micros]
    __table_args__ = (
        UniqueConstraint("channel", "slot"),
        UniqueConstraint("channel", "external_id"),
    )


class InboxDelivery(Base):
    """An authentic notification as it came. `dedup`: the channel's id of it, or the body's hash.

    Of one that is `forgotten_at` the body is gone: it is empty.
    """

    __tablename__ = "inbox"
    id: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str]
    installation: Mapped[str]
    dedup: Mapped[str]
    topic: Mapped[str]
    conversation: Mapped[str | None]
    state: Mapped[str]
    error: Mapped[str | None] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[Micros]
    applied_at: Mapped[Micros | None]
    attempts: Mapped[int] = mapped_column(Integer, default=1)
    forgotten_at: Mapped[Micros | None]
    __table_args__ = (
        UniqueConstraint("channel", "installation", "dedup"),
        one_of("state", "applied", "failed", "foreign"),
        Index("ix_inbox_conversation", "conversation", "id",
              sqlite_where=text("conversation IS NOT NULL"),
              postgresql_where=text("conversation IS NOT NULL")),
        Index("ix_inbox_failed", "id", sqlite_where=text("state = 'failed'"),
              postgresql_where=text("state = 'failed'")),
    )  # fmt: skip


class Staff(Base):
    """People, teams and bots that work in a channel, as the channel named them last."""

    __tablename__ = "staff"
    installation_id: Mapped[str] = mapped_column(ForeignKey("installations.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    email: Mapped[str | None]
    away: Mapped[bool | None]
    removed: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (one_of("kind", "operator", "team", "bot", "ai"),)


class Conversation(Base):
    """A channel's thread. `thread` is the fold's state after the newest fact (handover.Thread).

    `contact_at` is the channel's time of the latest report that says whose it is.
    `held_since`: a delivery about it failed, so the AI says nothing until it was read (`read_due`).
    `truth_at` is the channel's time up to which the conversation has been read from it.
    Words from before `forgotten_at` (the channel's time) are not kept, however late they come.
    `redacted_at`: words were taken back last then; they are taken out of the bodies of what was
    delivered from `clean_due` on.
    """

    __tablename__ = "conversations"
    id: Mapped[str] = mapped_column(primary_key=True)
    installation_id: Mapped[str] = mapped_column(ForeignKey("installations.id"))
    channel: Mapped[str]
    external_id: Mapped[str]
    contact_id: Mapped[str | None] = mapped_column(ForeignKey("contacts.id"), index=True)
    contact_at: Mapped[Micros] = mapped_column(default=0)
    thread: Mapped[str] = mapped_column(Text, default="{}")
    held_since: Mapped[Micros | None]
    read_due: Mapped[Micros | None]
    read_attempts: Mapped[int] = mapped_column(Integer, default=0)
    truth_at: Mapped[Micros] = mapped_column(default=0, server_default=text("0"))
    created_at: Mapped[Micros]
    forgotten_at: Mapped[Micros | None]
    redacted_at: Mapped[Micros | None]
    clean_due: Mapped[Micros | None]
    __table_args__ = (
        UniqueConstraint("installation_id", "external_id"),
        Index("ix_conversations_external_id", "external_id"),
        Index("ix_conversations_clean_due", "clean_due",
              sqlite_where=text("clean_due IS NOT NULL"),
              postgresql_where=text("clean_due IS NOT NULL")),
        Index("ix_conversations_read_due", "read_due", sqlite_where=text("read_due IS NOT NULL"),
              postgresql_where=text("read_due IS NOT NULL")),
    )  # fmt: skip


class FactRow(Base):
    """One fact of a conversation, in the channel's position; what the fold folds."""

    __tablename__ = "facts"
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[Micros]
    number: Mapped[int]
    step: Mapped[int] = mapped_column(Integer)
    data: Mapped[str] = mapped_column(Text)


class ChatSession(Base):
    """One run of care in a conversation, known by the message that opened it.

    `wait_step` says what its customer waits for people to do, `wait_since` since when (µs),
    `wait_rung` how often that was found to take too long, `wait_due` when it will be again.
    `widened`: it is offered to everybody, not only to its agent's own people.
    What was said in it, and found out, is gone since `forgotten_at`.
    `asleep`: it was imported and nothing has happened in it since, so nobody is called to it and it
    is not found idle. What is counted in it counts from `counts_from` (µs) at the earliest.
    """

    __tablename__ = "chat_sessions"
    id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    channel: Mapped[str]
    agent: Mapped[str]
    opened_by: Mapped[str]
    opened_at: Mapped[Micros]
    opened_number: Mapped[int]
    opened_step: Mapped[int] = mapped_column(Integer)
    status: Mapped[str]
    mode: Mapped[str]
    epoch: Mapped[int] = mapped_column(Integer, default=0)
    responsible_kind: Mapped[str]
    responsible_id: Mapped[str | None]
    responsible_name: Mapped[str | None]
    responsible_team: Mapped[str | None]
    waiting_since: Mapped[Micros | None]
    wait_step: Mapped[str | None]
    wait_since: Mapped[Micros | None]
    wait_rung: Mapped[int | None] = mapped_column(Integer)
    wait_due: Mapped[Micros | None]
    widened: Mapped[bool] = mapped_column(server_default=text("false"))
    asleep: Mapped[bool] = mapped_column(server_default=text("false"))
    counts_from: Mapped[Micros | None]
    finished_at: Mapped[Micros | None]
    last_message_at: Mapped[Micros | None]
    message_count: Mapped[int] = mapped_column(Integer, default=0)
    handover: Mapped[Json | None]
    parameters: Mapped[Json] = mapped_column(default=dict)
    results: Mapped[Json] = mapped_column(default=dict)
    summary: Mapped[str | None] = mapped_column(Text)
    forgotten_at: Mapped[Micros | None]
    __table_args__ = (
        UniqueConstraint("conversation_id", "opened_by"),
        one_of("status", "active", "finished"),
        one_of("mode", "ai", "human", "copilot"),
        one_of("responsible_kind", "ai", "operator", "bot", "unassigned"),
        CheckConstraint("(status = 'finished') = (finished_at IS NOT NULL)", name="finished_at"),
        CheckConstraint("waiting_since IS NULL OR (mode = 'human' AND status = 'active')",
                        name="waiting_since"),
        CheckConstraint("wait_step IN ('accept', 'first_reply', 'reply')", name="wait_step"),
        # Nobody waits without a deadline.
        CheckConstraint("waiting_since IS NULL OR wait_step IS NOT NULL", name="waits"),
        CheckConstraint("(wait_step IS NULL) = (wait_due IS NULL)", name="wait_due"),
        CheckConstraint("wait_step IS NULL OR (mode <> 'ai' AND status = 'active')",
                        name="wait_mode"),
        Index("ix_chat_sessions_wait_due", "wait_due", sqlite_where=text("wait_due IS NOT NULL"),
              postgresql_where=text("wait_due IS NOT NULL")),
        Index("uq_chat_sessions_active", "conversation_id", unique=True,
              sqlite_where=text("status = 'active'"), postgresql_where=text("status = 'active'")),
        Index("ix_chat_sessions_newest", "opened_at", "id"),
        Index("ix_chat_sessions_remembered", "channel", "finished_at",
              sqlite_where=text("status = 'finished' AND forgotten_at IS NULL"),
              postgresql_where=text("status = 'finished' AND forgotten_at IS NULL")),
        Index("ix_chat_sessions_active", "opened_at", "id", sqlite_where=text("status = 'active'"),
              postgresql_where=text("status = 'active'")),
        Index("ix_chat_sessions_held", "responsible_id",
              sqlite_where=text("status = 'active' AND responsible_kind = 'operator'"),
              postgresql_where=text("status = 'active' AND responsible_kind = 'operator'")),
        Index("ix_chat_sessions_waiting", "waiting_since",
              sqlite_where=text("waiting_since IS NOT NULL"),
              postgresql_where=text("waiting_since IS NOT NULL")),
        Index("ix_chat_sessions_idle", "last_message_at", sqlite_where=text("status = 'active'"),
              postgresql_where=text("status = 'active'")),
    )  # fmt: skip


class Message(Base):
    """A line of the history: message, marker, note or draft, at the channel's position.

    `asked_in` is the first turn that told the AI agent of it; `data` is what a marker says.
    """

    __tablename__ = "messages"
    id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    session_id: Mapped[str | None] = mapped_column(ForeignKey("chat_sessions.id"))
    external_id: Mapped[str | None]
    kind: Mapped[str]
    author_kind: Mapped[str]
    author_id: Mapped[str | None]
    author_name: Mapped[str | None]
    text: Mapped[str] = mapped_column(Text, default="")
    html: Mapped[str] = mapped_column(Text, default="")
    attachments: Mapped[list[Json]] = mapped_column(default=list)
    data: Mapped[Json | None]
    state: Mapped[str]
    why: Mapped[str | None] = mapped_column(Text)
    at: Mapped[Micros]
    number: Mapped[int]
    step: Mapped[int] = mapped_column(Integer)
    asked_in: Mapped[str | None]
    redacted: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[Micros]
    __table_args__ = (
        UniqueConstraint("conversation_id", "external_id"),
        one_of("kind", "message", "marker", "note", "draft"),
        one_of("author_kind", "customer", "ai", "operator", "bot", "system"),
        one_of("state", "received", "owed", "sent", "failed", "discarded"),
        Index("ix_messages_session", "session_id", "at", "number", "step", "id"),
        # And `words` with an index on PostgreSQL, which no model can tell for both (`words.py`).
    )
