"""Files that visitors and operators send; their bytes lie elsewhere, under `key`."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Micros, one_of


class FileRow(Base):
    """One file. `coming`: its bytes are being written; `gone`: they are taken away, or shall be.

    The row stands before the first byte, so there are never bytes that nobody knows of. `size` is
    what may come at most until it is known. `channel` is the deployment that a visitor belongs to.
    `key` is empty once nothing lies there any more.
    """

    __tablename__ = "files"
    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    owner_kind: Mapped[str]
    owner_id: Mapped[str]
    channel: Mapped[str | None]
    name: Mapped[str]
    content_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str | None]
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)
    key: Mapped[str | None]
    conversation_id: Mapped[str | None] = mapped_column(ForeignKey("conversations.id"))
    message_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id"))
    created_at: Mapped[Micros]
    sent_at: Mapped[Micros | None]
    gone_at: Mapped[Micros | None]
    __table_args__ = (
        one_of("state", "coming", "uploaded", "sent", "gone"),
        one_of("owner_kind", "visitor", "operator"),
        CheckConstraint("(owner_kind = 'visitor') = (channel IS NOT NULL)", name="channel"),
        CheckConstraint("size >= 0", name="size"),
        CheckConstraint("(width IS NULL) = (height IS NULL)", name="sides"),
        CheckConstraint("(message_id IS NULL) = (conversation_id IS NULL)", name="place"),
        CheckConstraint("(message_id IS NULL) = (sent_at IS NULL)", name="sent_at"),
        # In a message exactly when it was sent; what is gone may have been in one.
        CheckConstraint("state = 'gone' OR (state = 'sent') = (message_id IS NOT NULL)",
                        name="sent"),
        CheckConstraint("state NOT IN ('uploaded', 'sent') OR sha256 IS NOT NULL", name="sha256"),
        CheckConstraint("state = 'gone' OR key IS NOT NULL", name="key"),
        CheckConstraint("(state = 'gone') = (gone_at IS NOT NULL)", name="gone_at"),
        Index("ix_files_owner", "owner_id", "created_at"),
        Index("ix_files_message", "message_id", sqlite_where=text("message_id IS NOT NULL"),
              postgresql_where=text("message_id IS NOT NULL")),
        Index("ix_files_conversation", "conversation_id",
              sqlite_where=text("conversation_id IS NOT NULL"),
              postgresql_where=text("conversation_id IS NOT NULL")),
        Index("ix_files_unsent", "created_at",
              sqlite_where=text("state IN ('coming', 'uploaded')"),
              postgresql_where=text("state IN ('coming', 'uploaded')")),
        Index("ix_files_gone", "gone_at", sqlite_where=text("state = 'gone'"),
              postgresql_where=text("state = 'gone'")),
    )  # fmt: skip
