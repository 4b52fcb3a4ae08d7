"""Who customers are: contacts, the ids that channels have for them, what is said of them by whom.

Nothing is moved when two contacts are joined: identities, conversations and what was said stay
with the contact they came to, and `joined_into` leads on to the one that stands for both. So a join
is undone by taking that away again, whatever happened in between.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.models.base import Base, Json, Micros, one_of


class Contact(Base):
    """A customer, across channels. Of an anonymous one nothing `is_known` but that there is one.

    `joined_into` is the contact that stands for this one, itself joined into none; NULL: this one
    stands for itself. The details are those that are shown, with everything in it that was joined:
    a contact that was joined away shows the same. `verified` speaks of the e-mail address, or, if
    there is none, of the external id. Of one that was `erased_at` nothing will be known again.
    """

    __tablename__ = "contacts"
    id: Mapped[str] = mapped_column(primary_key=True)
    joined_into: Mapped[str | None] = mapped_column(ForeignKey("contacts.id"))
    name: Mapped[str | None]
    email: Mapped[str | None] = mapped_column(index=True)
    phone: Mapped[str | None]
    phone_key: Mapped[str | None]
    external_id: Mapped[str | None]
    verified: Mapped[bool] = mapped_column(default=False)
    external_id_verified: Mapped[bool] = mapped_column(default=False)
    level: Mapped[str] = mapped_column(default="anonymous")
    created_at: Mapped[Micros]
    updated_at: Mapped[Micros] = mapped_column(default=0)
    erased_at: Mapped[Micros | None]
    __table_args__ = (
        one_of("level", "anonymous", "claimed", "verified"),
        CheckConstraint("joined_into <> id", name="joined_into"),
        Index("ix_contacts_newest", "created_at", "id"),
        *(
            Index(f"ix_contacts_{column}", column, sqlite_where=text(f"{column} IS NOT NULL"),
                  postgresql_where=text(f"{column} IS NOT NULL"))
            for column in ("joined_into", "phone_key", "external_id")
        ),
    )  # fmt: skip

    @staticmethod
    def is_known() -> ColumnElement[bool]:
        """Whether any detail was ever given."""
        return Contact.level != "anonymous"

    @staticmethod
    def standing_id() -> ColumnElement[str]:
        """The id of the contact that stands for this one."""
        return func.coalesce(Contact.joined_into, Contact.id)


class ContactIdentity(Base):
    """The id under which an installation knows a contact, and what it `said` of that one.

    `said` holds by detail the value, its level (0 anonymous, 1 claimed, 2 verified) and since when
    the channel says so (µs): `{"email": ["ann@acme.example", 1, 1795363680000000]}`; an empty value
    says that there is none. `marks` are tags and the like (`contacts/marks.py`). At `look_due` the
    channel is asked which others were merged into this one, since it did not tell. Somebody with
    this id was erased, and wrote anew: words from before `forgotten_at` are not kept.
    """

    __tablename__ = "contact_identities"
    installation_id: Mapped[str] = mapped_column(ForeignKey("installations.id"), primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)
    said: Mapped[str] = mapped_column(Text, default="{}")
    deleted: Mapped[bool] = mapped_column(default=False)
    marks: Mapped[str | None] = mapped_column(Text)
    look_due: Mapped[Micros | None]
    forgotten_at: Mapped[Micros | None]
    __table_args__ = (
        Index("ix_contact_identities_look_due", "look_due",
              sqlite_where=text("look_due IS NOT NULL"),
              postgresql_where=text("look_due IS NOT NULL")),
    )  # fmt: skip


class ContactPush(Base):
    """What people said of a customer and a channel is owed, for one identity. One row, one life.

    `details` names what is owed, each with what the channel said of it just before. What is sent is
    worked out when it is begun: `sent` has the channel's word and ours by detail. An identity owes
    once and is written to once at a time; what comes meanwhile is owed by the next row.
    """

    __tablename__ = "contact_pushes"
    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True
    )
    installation_id: Mapped[str]
    external_id: Mapped[str]
    details: Mapped[Json]
    sent: Mapped[Json | None]
    state: Mapped[str] = mapped_column(default="owed")
    owed_at: Mapped[Micros]
    due_at: Mapped[Micros]
    tried_at: Mapped[Micros | None]
    begun_at: Mapped[Micros | None]
    ended_at: Mapped[Micros | None]
    token: Mapped[str | None]
    tries: Mapped[int] = mapped_column(Integer, default=0)
    reads: Mapped[int] = mapped_column(Integer, default=0)
    why: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        ForeignKeyConstraint(
            ["installation_id", "external_id"],
            ["contact_identities.installation_id", "contact_identities.external_id"],
            ondelete="CASCADE",
        ),
        one_of("state", "owed", "sending", "unknown", "sent", "failed", "cancelled"),
        CheckConstraint("state NOT IN ('sending', 'unknown') OR "
                        "(begun_at IS NOT NULL AND sent IS NOT NULL)", name="begun_at"),
        CheckConstraint("(ended_at IS NULL) = (state IN ('owed', 'sending', 'unknown'))",
                        name="ended_at"),
        Index("ix_contact_pushes_identity", "installation_id", "external_id", "id"),
        Index("uq_contact_pushes_owed", "installation_id", "external_id", unique=True,
              sqlite_where=text("state = 'owed'"), postgresql_where=text("state = 'owed'")),
        Index("uq_contact_pushes_begun", "installation_id", "external_id", unique=True,
              sqlite_where=text("state IN ('sending', 'unknown')"),
              postgresql_where=text("state IN ('sending', 'unknown')")),
        Index("ix_contact_pushes_due", "due_at",
              sqlite_where=text("state IN ('owed', 'sending', 'unknown')"),
              postgresql_where=text("state IN ('owed', 'sending', 'unknown')")),
    )  # fmt: skip


class ContactDetail(Base):
    """A detail that somebody other than a channel gave: an operator, or an AI agent.

    `said_by` is `operator` or `ai:<agent>`; the newest word of each is kept. `rank` is the level
    that it stands against: a person's edit holds against what it replaced, without being verified.
    """

    __tablename__ = "contact_details"
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    detail: Mapped[str] = mapped_column(primary_key=True)
    said_by: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    level: Mapped[int] = mapped_column(Integer)
    rank: Mapped[int] = mapped_column(Integer)
    at: Mapped[Micros]
    source: Mapped[Json]
    __table_args__ = (
        CheckConstraint("level BETWEEN 0 AND 2", name="level"),
        CheckConstraint("rank BETWEEN level AND 2", name="rank"),
    )


class ContactJoin(Base):
    """That one contact was joined into another, why, by whom; and when it was undone."""

    __tablename__ = "contact_joins"
    id: Mapped[str] = mapped_column(primary_key=True)
    from_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    into_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)
    because: Mapped[str]
    at: Mapped[Micros]
    source: Mapped[Json]
    undone_at: Mapped[Micros | None]
    undone_by: Mapped[Json | None]
    __table_args__ = (
        one_of("because", "email", "external_id", "channel", "operator"),
        CheckConstraint("from_id <> into_id", name="apart"),
        CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name="undone"),
        Index("uq_contact_joins_standing", "from_id", unique=True,
              sqlite_where=text("undone_at IS NULL"), postgresql_where=text("undone_at IS NULL")),
    )  # fmt: skip


class ContactParting(Base):
    """That two contacts (the smaller id first) are not one person, as a person said.

    `dismissed`: they are not suggested again; `undone`: nor are they joined by themselves.
    """

    __tablename__ = "contact_partings"
    one_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    other_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True, index=True)
    kind: Mapped[str]
    at: Mapped[Micros]
    source: Mapped[Json]
    __table_args__ = (
        one_of("kind", "dismissed", "undone"),
        CheckConstraint("one_id < other_id", name="order"),
    )


class ContactChange(Base):
    """One line of a contact's history: what was shown before and after, by detail.

    A line with an `outcome` tells what became of an edit that a channel was owed, and `why`; its
    `kind` is then `said`, for those who know no outcomes.
    """

    __tablename__ = "contact_changes"
    id: Mapped[str] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    kind: Mapped[str]
    at: Mapped[Micros]
    source: Mapped[Json]
    changes: Mapped[Json] = mapped_column(default=dict)
    join_id: Mapped[str | None] = mapped_column(ForeignKey("contact_joins.id"))
    outcome: Mapped[str | None]
    why: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        one_of("kind", "said", "edited", "verified", "learned", "joined", "split"),
        one_of("outcome", "sent", "not_sent"),
        Index("ix_contact_changes_newest", "contact_id", "at", "id"),
    )
