"""People who were erased: that they were, and what keeps late reports from bringing them back."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Json, Micros


class ErasedIdentity(Base):
    """An id of somebody who was erased at `erased_at`, as nobody can read it back.

    `digest` is the SHA-256 of installation and id. What a channel still says of them means
    `contact_id`, of whom nothing is kept, until they write anew.
    """

    __tablename__ = "erased_identities"
    installation_id: Mapped[str] = mapped_column(ForeignKey("installations.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    erased_at: Mapped[Micros]


class Erasure(Base):
    """That a person was erased: who asked for it, when, why, and how much it was.

    `wanted` is what is still to be looked for, until it has ended: then nothing of it is left.
    """

    __tablename__ = "erasures"
    id: Mapped[str] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)
    operator_id: Mapped[str] = mapped_column(ForeignKey("operators.id"))
    reason: Mapped[str] = mapped_column(Text)
    began_at: Mapped[Micros]
    ended_at: Mapped[Micros | None]
    wanted: Mapped[Json | None]
    counts: Mapped[Json] = mapped_column(default=dict)
    __table_args__ = (
        CheckConstraint("(ended_at IS NULL) = (wanted IS NOT NULL)", name="wanted"),
        Index("ix_erasures_open", "id", sqlite_where=text("ended_at IS NULL"),
              postgresql_where=text("ended_at IS NULL")),
    )  # fmt: skip
