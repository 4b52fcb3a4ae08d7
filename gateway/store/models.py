"""The tables. Every rule that must hold is a constraint; times are microseconds since 1970, UTC.

Ids from outside are never keys by themselves: a conversation's is unique within its installation,
a fact's within its conversation.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    or_,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Json = dict[str, Any]
Micros = int


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


UNPLACED = 10**16
"""Added to the time of words of ours until their channel has placed them: they come last."""


class Base(DeclarativeBase):
    """All tables of the record."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        str: String,
        int: BigInteger,
        Json: JSON(none_as_null=True),
        list[Json]: JSON(none_as_null=True),
    }


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
    """An authentic notification as it came. `dedup`: the channel's id of it, or the body's hash."""

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
    __table_args__ = (
        UniqueConstraint("channel", "installation", "dedup"),
        _one_of("state", "applied", "failed", "foreign"),
        Index("ix_inbox_failed", "id", sqlite_where=text("state = 'failed'"),
              postgresql_where=text("state = 'failed'")),
    )  # fmt: skip


class Contact(Base):
    """A customer, across sessions. Of an anonymous one nothing `is_known` but that there is one."""

    __tablename__ = "contacts"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    email: Mapped[str | None] = mapped_column(index=True)
    phone: Mapped[str | None]
    external_id: Mapped[str | None]
    verified: Mapped[bool] = mapped_column(default=False)
    deleted: Mapped[bool] = mapped_column(default=False)
    as_of: Mapped[Micros] = mapped_column(default=0)
    created_at: Mapped[Micros]

    @staticmethod
    def is_known() -> ColumnElement[bool]:
        """Whether any detail was ever given."""
        details = (Contact.name, Contact.email, Contact.phone, Contact.external_id)
        return or_(*(detail.is_not(None) for detail in details))


class ContactIdentity(Base):
    """The id under which an installation knows a contact; after a merge several lead to one."""

    __tablename__ = "contact_identities"
    installation_id: Mapped[str] = mapped_column(ForeignKey("installations.id"), primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)


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
    __table_args__ = (_one_of("kind", "operator", "team", "bot", "ai"),)


class Conversation(Base):
    """A channel's thread. `thread` is the fold's state after the newest fact (handover.Thread).

    `contact_at` is the channel's time of the latest report that says whose it is.
    `held_since`: a delivery about it failed, so the AI says nothing until it was read (`read_due`).
    `truth_at` is the channel's time up to which the conversation has been read from it.
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
    __table_args__ = (
        UniqueConstraint("installation_id", "external_id"),
        Index("ix_conversations_external_id", "external_id"),
        Index("ix_conversations_read_due", "read_due", sqlite_where=text("read_due IS NOT NULL"),
              postgresql_where=text("read_due IS NOT NULL")),
    )  # fmt: skip


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
        _one_of("asked_by", "clock", "command"),
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
    """One run of care in a conversation, known by the message that opened it."""

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
    finished_at: Mapped[Micros | None]
    last_message_at: Mapped[Micros | None]
    message_count: Mapped[int] = mapped_column(Integer, default=0)
    handover: Mapped[Json | None]
    parameters: Mapped[Json] = mapped_column(default=dict)
    results: Mapped[Json] = mapped_column(default=dict)
    summary: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        UniqueConstraint("conversation_id", "opened_by"),
        _one_of("status", "active", "finished"),
        _one_of("mode", "ai", "human", "copilot"),
        _one_of("responsible_kind", "ai", "operator", "bot", "unassigned"),
        CheckConstraint("(status = 'finished') = (finished_at IS NOT NULL)", name="finished_at"),
        CheckConstraint("waiting_since IS NULL OR (mode = 'human' AND status = 'active')",
                        name="waiting_since"),
        Index("uq_chat_sessions_active", "conversation_id", unique=True,
              sqlite_where=text("status = 'active'"), postgresql_where=text("status = 'active'")),
        Index("ix_chat_sessions_newest", "opened_at", "id"),
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
        _one_of("kind", "message", "marker", "note", "draft"),
        _one_of("author_kind", "customer", "ai", "operator", "bot", "system"),
        _one_of("state", "received", "owed", "sent", "failed", "discarded"),
        Index("ix_messages_session", "session_id", "at", "number", "step", "id"),
    )


class Push(Base):
    """What we owe a channel, in the order of `id` within a conversation. One row, one life.

    `cause` names the fact or message that it comes from, so nothing is owed twice. `folded` is our
    own text as an echo of it would read, `token` the claim under which it was begun.
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
    __table_args__ = (
        UniqueConstraint("conversation_id", "cause"),
        UniqueConstraint("conversation_id", "external_id", "kind"),
        _one_of("kind", "send_message", "add_note", "assign", "close"),
        _one_of("role", "answer", "last_words", "draft", "operator", "note", "assignment",
                "notice", "close"),
        _one_of("state", "owed", "sending", "unknown", "sent", "failed", "cancelled"),
        CheckConstraint("state NOT IN ('sending', 'unknown') OR begun_at IS NOT NULL",
                        name="begun_at"),
        Index("ix_pushes_open", "conversation_id", "id",
              sqlite_where=text("state IN ('owed', 'sending', 'unknown')"),
              postgresql_where=text("state IN ('owed', 'sending', 'unknown')")),
        Index("ix_pushes_due", "due_at",
              sqlite_where=text("state IN ('owed', 'sending', 'unknown')"),
              postgresql_where=text("state IN ('owed', 'sending', 'unknown')")),
        Index("ix_pushes_session", "session_id"),
    )  # fmt: skip


class TurnRow(Base):
    """One question to the AI agent, from owed to answered. A session has at most one open."""

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
    __table_args__ = (
        _one_of("cause", "message", "returned", "draft"),
        _one_of("state", "due", "asking", "waiting", "recorded", "discarded", "failed"),
        Index("uq_turns_open", "session_id", unique=True,
              sqlite_where=text("state IN ('due', 'asking', 'waiting')"),
              postgresql_where=text("state IN ('due', 'asking', 'waiting')")),
        Index("ix_turns_due", "due_at",
              sqlite_where=text("state IN ('due', 'asking', 'waiting')"),
              postgresql_where=text("state IN ('due', 'asking', 'waiting')")),
        Index("ix_turns_session", "session_id"),
    )  # fmt: skip


class Claim(Base):
    """Who works on what, until when by the database's clock; taken by compare-and-set."""

    __tablename__ = "claims"
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[str]
    until: Mapped[Micros]


class Operator(Base):
    """A person inside who may use our doors."""

    __tablename__ = "operators"
    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None]
    created_at: Mapped[Micros]
    __table_args__ = (_one_of("role", "admin", "operator", "viewer"),)


class OperatorLink(Base):
    """As whom an operator acts in a channel."""

    __tablename__ = "operator_links"
    operator_id: Mapped[str] = mapped_column(ForeignKey("operators.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str]
    __table_args__ = (UniqueConstraint("channel", "external_id"),)


class Token(Base):
    """An API token of an operator; only its SHA-256 is kept."""

    __tablename__ = "tokens"
    id: Mapped[str] = mapped_column(primary_key=True)
    operator_id: Mapped[str] = mapped_column(ForeignKey("operators.id"), index=True)
    digest: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[Micros]
    revoked_at: Mapped[Micros | None]


class IdempotentAnswer(Base):
    """The answer to a mutating call that named an Idempotency-Key, so a repeat gets the same."""

    __tablename__ = "idempotent_answers"
    operator_id: Mapped[str] = mapped_column(ForeignKey("operators.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[str]
    status: Mapped[int] = mapped_column(Integer)
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Micros] = mapped_column(index=True)


class AnswerMinute(Base):
    """What a channel's notifications were answered in one minute, by all web processes together.

    `in_time`, `slow` and `late` count answers that kept it, by how long they took; `refused` (401),
    `unreadable` (other 4xx) and `failed` (5xx) the others. `longest_us` is the slowest of all.
    """

    __tablename__ = "answer_minutes"
    channel: Mapped[str] = mapped_column(primary_key=True)
    minute: Mapped[Micros] = mapped_column(primary_key=True)
    in_time: Mapped[int] = mapped_column(Integer, default=0)
    slow: Mapped[int] = mapped_column(Integer, default=0)
    late: Mapped[int] = mapped_column(Integer, default=0)
    refused: Mapped[int] = mapped_column(Integer, default=0)
    unreadable: Mapped[int] = mapped_column(Integer, default=0)
    failed: Mapped[int] = mapped_column(Integer, default=0)
    longest_us: Mapped[int] = mapped_column(default=0)
    good_at: Mapped[Micros | None]
    bad_at: Mapped[Micros | None]


class HeardTopic(Base):
    """Notifications of one topic that an installation has sent, as the inbox shows them."""

    __tablename__ = "heard_topics"
    channel: Mapped[str] = mapped_column(primary_key=True)
    installation: Mapped[str] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(primary_key=True)
    first_at: Mapped[Micros]
    last_at: Mapped[Micros]
    count: Mapped[int]


class HeardHour(Base):
    """An installation's notifications in one hour, and in how many `minutes` of it any came."""

    __tablename__ = "heard_hours"
    channel: Mapped[str] = mapped_column(primary_key=True)
    installation: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[Micros] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(Integer, default=0)
    minutes: Mapped[int] = mapped_column(Integer, default=0)


class Sighting(Base):
    """The last thing that a worker saw of a channel, by name: so `since`, last seen so at `at`."""

    __tablename__ = "sightings"
    channel: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Json]
    since: Mapped[Micros]
    at: Mapped[Micros]


class FindingRow(Base):
    """What the last look at a channel found, by code: well or not, `since` when without a break."""

    __tablename__ = "findings"
    channel: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    ok: Mapped[bool]
    what: Mapped[str] = mapped_column(Text)
    do: Mapped[str] = mapped_column(Text)
    since: Mapped[Micros]
    at: Mapped[Micros]


class Alert(Base):
    """Something wrong that people were told of; open until `cleared_at`. `since`: it began then."""

    __tablename__ = "alerts"
    id: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str]
    code: Mapped[str]
    what: Mapped[str] = mapped_column(Text)
    do: Mapped[str] = mapped_column(Text)
    since: Mapped[Micros]
    raised_at: Mapped[Micros]
    told_at: Mapped[Micros]
    cleared_at: Mapped[Micros | None]
    __table_args__ = (
        Index("uq_alerts_open", "channel", "code", unique=True,
              sqlite_where=text("cleared_at IS NULL"),
              postgresql_where=text("cleared_at IS NULL")),
    )  # fmt: skip


class AlertNotice(Base):
    """That an alert was raised, stands or is over, owed to one of the ways to tell people."""

    __tablename__ = "alert_notices"
    id: Mapped[str] = mapped_column(primary_key=True)
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"))
    event: Mapped[str]
    sink: Mapped[str]
    state: Mapped[str] = mapped_column(default="owed")
    owed_at: Mapped[Micros]
    due_at: Mapped[Micros]
    ended_at: Mapped[Micros | None]
    tries: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        _one_of("event", "raised", "reminded", "cleared"),
        _one_of("sink", "email", "webhook"),
        _one_of("state", "owed", "sent", "failed"),
        Index("ix_alert_notices_alert_id", "alert_id"),
        Index("ix_alert_notices_owed", "sink", "id", sqlite_where=text("state = 'owed'"),
              postgresql_where=text("state = 'owed'")),
    )  # fmt: skip
