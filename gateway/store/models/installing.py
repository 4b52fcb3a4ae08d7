"""Public apps: the workspaces that have let one in, and the consents that are under way."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Json, Micros, one_of


class AppInstallation(Base):
    """A workspace that installed a public app: a channel of its own, `channel`.

    `token` is sealed; without one nothing can be asked. `state`: `seatless` until it is decided as
    whom the AI answers; `revoked` once the token was refused, `uninstalled` once it was removed.
    `version` grows with every change, so that processes see one, and act on none that is over.
    """

    __tablename__ = "app_installations"
    installation_id: Mapped[str] = mapped_column(ForeignKey("installations.id"), primary_key=True)
    app: Mapped[str]
    channel: Mapped[str] = mapped_column(unique=True)
    external_id: Mapped[str]
    title: Mapped[str] = mapped_column(Text)
    region: Mapped[str]
    token: Mapped[bytes | None] = mapped_column(LargeBinary)
    seat: Mapped[str | None]
    settings: Mapped[Json] = mapped_column(default=dict)
    state: Mapped[str]
    state_since: Mapped[Micros]
    version: Mapped[int]
    installed_at: Mapped[Micros]
    installed_by: Mapped[str | None] = mapped_column(ForeignKey("operators.id"))
    __table_args__ = (
        UniqueConstraint("app", "external_id"),
        one_of("state", "active", "seatless", "revoked", "uninstalled"),
        CheckConstraint("(token IS NULL) = (state = 'uninstalled')", name="token"),
        CheckConstraint("state <> 'active' OR seat IS NOT NULL", name="seat"),
    )


class AppConsent(Base):
    """An administrator is on the way to let an app in. `digest` is that of the state they carry.

    It is good once, and in the browser that began it.
    """

    __tablename__ = "app_consents"
    digest: Mapped[str] = mapped_column(primary_key=True)
    app: Mapped[str]
    signin_id: Mapped[str]
    expires_at: Mapped[Micros]
    __table_args__ = (Index("ix_app_consents_expires_at", "expires_at"),)
