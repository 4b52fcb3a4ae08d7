"""Who writes in the web widget, beyond what their tokens say by themselves."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Json, Micros


class Visitor(Base):
    """A visitor of a channel of whom something must be kept; most say nothing and have no row.

    `user_key` is who a proof by the site's server said they are, for good. Tokens of an earlier
    `generation` are void. `parameters` are what the page said of them, for sessions to come. Their
    conversation is the channel's one under this id.
    """

    __tablename__ = "visitors"
    id: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str]
    user_key: Mapped[str | None]
    generation: Mapped[int] = mapped_column(Integer, default=0)
    parameters: Mapped[Json] = mapped_column(default=dict)
    created_at: Mapped[Micros]
    __table_args__ = (
        CheckConstraint("user_key <> ''", name="user_key"),
        CheckConstraint("generation >= 0", name="generation"),
        Index("ix_visitors_user", "channel", "user_key",
              sqlite_where=text("user_key IS NOT NULL"),
              postgresql_where=text("user_key IS NOT NULL")),
    )  # fmt: skip
