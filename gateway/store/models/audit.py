"""Who did what: entries that are never changed, and how far old ones may be removed."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Json, Micros, one_of


class AuditEntry(Base):
    """One action: by whom and from where, on what, what that changed, or why it was refused.

    Triggers keep entries from being changed, and from being deleted unless they are older than
    `AuditHorizon.until`. (Whoever rebuilds this table in a migration must make them anew.)
    """

    __tablename__ = "audit"
    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[Micros]
    actor_kind: Mapped[str]
    actor_id: Mapped[str | None]
    actor_name: Mapped[str]
    token_id: Mapped[str | None]
    address: Mapped[str | None]
    request_id: Mapped[str | None]
    action: Mapped[str]
    object_kind: Mapped[str | None]
    object_id: Mapped[str | None]
    before: Mapped[Json | None]
    after: Mapped[Json | None]
    outcome: Mapped[str]
    reason: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        one_of("actor_kind", "operator", "agent", "cli", "system"),
        one_of("outcome", "begun", "done", "refused"),
        CheckConstraint("(outcome = 'refused') = (reason IS NOT NULL)", name="reason"),
        Index("ix_audit_at", "at"),
        Index("ix_audit_actor", "actor_id", "id"),
        Index("ix_audit_action", "action", "id"),
        Index("ix_audit_object", "object_id", "id"),
    )


class KnownConfiguration(Base):
    """The settings that were in force last, without their secrets. One row at most."""

    __tablename__ = "known_configuration"
    one: Mapped[int] = mapped_column(Integer, primary_key=True)
    settings: Mapped[Json]
    at: Mapped[Micros]
    __table_args__ = (CheckConstraint("one = 1", name="one"),)


class AuditHorizon(Base):
    """Entries before `until` may be removed. One row at most."""

    __tablename__ = "audit_horizon"
    one: Mapped[int] = mapped_column(Integer, primary_key=True)
    until: Mapped[Micros]
    __table_args__ = (CheckConstraint("one = 1", name="one"),)
