"""Who may use our doors: operators, tokens, sign-ins, and what repeated calls were answered."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Integer, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Micros, one_of


class Operator(Base):
    """A person inside who may use our doors; never deleted, since history names them.

    `working_hours` is None where the workspace's hold, `max_sessions` where there is no limit.
    `offered_at`: a session was last offered to them then.
    """

    __tablename__ = "operators"
    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None]
    created_at: Mapped[Micros]
    deactivated_at: Mapped[Micros | None]
    max_sessions: Mapped[int | None] = mapped_column(Integer)
    working_hours: Mapped[str | None]
    offered_at: Mapped[Micros] = mapped_column(server_default=text("0"))
    __table_args__ = (
        one_of("role", "admin", "operator", "viewer"),
        CheckConstraint("max_sessions > 0", name="max_sessions"),
    )


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


class Signin(Base):
    """Somebody signed in with a browser, until they sign out; only the cookie's SHA-256 is kept.

    It ends when nothing has been heard for a while after `seen_at`, and at `expires_at` at last.
    """

    __tablename__ = "signins"
    id: Mapped[str] = mapped_column(primary_key=True)
    operator_id: Mapped[str] = mapped_column(ForeignKey("operators.id"), index=True)
    digest: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[Micros]
    seen_at: Mapped[Micros]
    expires_at: Mapped[Micros] = mapped_column(index=True)
    address: Mapped[str | None]
    browser: Mapped[str | None]


class OperatorIdentity(Base):
    """Who an operator is at an identity provider: found by nothing but issuer and subject.

    One for each provider: an e-mail address that another subject has later opens nothing.
    """

    __tablename__ = "operator_identities"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    operator_id: Mapped[str] = mapped_column(ForeignKey("operators.id"))
    email: Mapped[str]
    linked_at: Mapped[Micros]
    used_at: Mapped[Micros]
    __table_args__ = (UniqueConstraint("operator_id", "issuer"),)


class PasswordGuess(Base):
    """How many passwords were tried under one name (an account, an address, both) until a time."""

    __tablename__ = "password_guesses"
    name: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    until: Mapped[Micros] = mapped_column(index=True)
    __table_args__ = (CheckConstraint("count > 0", name="count"),)


class IdempotentAnswer(Base):
    """The answer to a mutating call that named an Idempotency-Key, so a repeat gets the same."""

    __tablename__ = "idempotent_answers"
    operator_id: Mapped[str] = mapped_column(ForeignKey("operators.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[str]
    status: Mapped[int] = mapped_column(Integer)
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Micros] = mapped_column(index=True)
