"""What is watched: answers, what was heard, what was found wrong, and who was told."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Json, Micros, one_of


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
        one_of("event", "raised", "reminded", "cleared"),
        one_of("sink", "email", "webhook"),
        one_of("state", "owed", "sent", "failed"),
        Index("ix_alert_notices_alert_id", "alert_id"),
        Index("ix_alert_notices_owed", "sink", "id", sqlite_where=text("state = 'owed'"),
              postgresql_where=text("state = 'owed'")),
    )  # fmt: skip
