"""Who customers are: levels and sources of details, joins that can be undone, a history."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_DETAILS = ("name", "email", "phone", "external_id")


def upgrade() -> None:
    # Not by Alembic's batch, which copies a table on SQLite: these have others pointing at them.
    for column in (
        "joined_into VARCHAR CONSTRAINT fk_contacts_joined_into REFERENCES contacts (id) "
        "CONSTRAINT ck_contacts_joined_into CHECK (joined_into <> id)",
        "phone_key VARCHAR",
        "external_id_verified BOOLEAN NOT NULL DEFAULT FALSE",
        "level VARCHAR NOT NULL DEFAULT 'anonymous' CONSTRAINT ck_contacts_level "
        "CHECK (level IN ('anonymous', 'claimed', 'verified'))",
        "updated_at BIGINT NOT NULL DEFAULT 0",
    ):
        op.execute(sa.text(f"ALTER TABLE contacts ADD COLUMN {column}"))
    for column in ("said TEXT NOT NULL DEFAULT '{}'", "deleted BOOLEAN NOT NULL DEFAULT FALSE"):
        op.execute(sa.text(f"ALTER TABLE contact_identities ADD COLUMN {column}"))
    _carry_over()
    op.drop_column("contacts", "deleted")
    op.drop_column("contacts", "as_of")
    op.create_index("ix_contacts_newest", "contacts", ["created_at", "id"])
    for column in ("joined_into", "phone_key", "external_id"):
        given = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_contacts_{column}", "contacts", [column],
            sqlite_where=given, postgresql_where=given,
        )  # fmt: skip
    _add_tables()


def _carry_over() -> None:
    """What a contact was is what its identities said; what an old merge left over goes."""
    db = op.get_bind()
    db.execute(
        sa.text(
            "DELETE FROM contacts WHERE id NOT IN (SELECT contact_id FROM contact_identities) AND "
            "id NOT IN (SELECT contact_id FROM conversations WHERE contact_id IS NOT NULL)"
        )
    )
    rows = db.execute(
        sa.text("SELECT id, name, email, phone, external_id, deleted, as_of FROM contacts")
    ).all()
    for row in rows:
        given = {detail: getattr(row, detail) for detail in _DETAILS if getattr(row, detail)}
        if given.get("email"):
            given["email"] = given["email"].strip().lower()
        said = {detail: [value, 1, row.as_of] for detail, value in given.items()}
        db.execute(
            sa.text(
                "UPDATE contact_identities SET said = :said, deleted = :deleted "
                "WHERE contact_id = :id"
            ),
            {"said": json.dumps(said), "deleted": bool(row.deleted), "id": row.id},
        )
        db.execute(
            sa.text(
                "UPDATE contacts SET level = :level, email = :email, phone_key = :phone, "
                "updated_at = created_at WHERE id = :id"
            ),
            {
                "level": "claimed" if said else "anonymous",
                "email": given.get("email"),
                "phone": _phone_key(given.get("phone")),
                "id": row.id,
            },
        )


def _phone_key(phone: str | None) -> str | None:
    """As the gateway compares numbers in this version."""
    if phone is None or any(letter.isalpha() for letter in phone):
        return None
    digits = "".join(letter for letter in phone if letter in "0123456789")
    plus = "+" in phone.partition(digits[:1])[0] if digits else False
    if not plus and digits.startswith("00") and len(digits) >= 9:
        digits, plus = digits[2:], True
    return ("+" if plus else "") + digits if 7 <= len(digits) <= 15 else None


def _add_tables() -> None:
    json_type = sa.JSON(none_as_null=True)
    op.create_table(
        "contact_details",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("said_by", sa.String(), nullable=False),
        sa.Column("value", json_type, nullable=True),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", json_type, nullable=False),
        sa.CheckConstraint("level BETWEEN 0 AND 2", name=op.f("ck_contact_details_level")),
        sa.CheckConstraint("rank BETWEEN level AND 2", name=op.f("ck_contact_details_rank")),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_details_contact_id")
        ),
        sa.PrimaryKeyConstraint("contact_id", "detail", "said_by", name=op.f("pk_contact_details")),
    )
    op.create_table(
        "contact_joins",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("from_id", sa.String(), nullable=False),
        sa.Column("into_id", sa.String(), nullable=False),
        sa.Column("because", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", json_type, nullable=False),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.Column("undone_by", json_type, nullable=True),
        sa.CheckConstraint(
            "because IN ('email', 'external_id', 'channel', 'operator')",
            name=op.f("ck_contact_joins_because"),
        ),
        sa.CheckConstraint("from_id <> into_id", name=op.f("ck_contact_joins_apart")),
        sa.CheckConstraint(
            "(undone_at IS NULL) = (undone_by IS NULL)", name=op.f("ck_contact_joins_undone")
        ),
        sa.ForeignKeyConstraint(
            ["from_id"], ["contacts.id"], name=op.f("fk_contact_joins_from_id")
        ),
        sa.ForeignKeyConstraint(
            ["into_id"], ["contacts.id"], name=op.f("fk_contact_joins_into_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_joins")),
    )
    op.create_index("ix_contact_joins_into_id", "contact_joins", ["into_id"])
    op.create_index(
        "uq_contact_joins_standing", "contact_joins", ["from_id"], unique=True,
        sqlite_where=sa.text("undone_at IS NULL"), postgresql_where=sa.text("undone_at IS NULL"),
    )  # fmt: skip
    op.create_table(
        "contact_partings",
        sa.Column("one_id", sa.String(), nullable=False),
        sa.Column("other_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", json_type, nullable=False),
        sa.CheckConstraint(
            "kind IN ('dismissed', 'undone')", name=op.f("ck_contact_partings_kind")
        ),
        sa.CheckConstraint("one_id < other_id", name=op.f("ck_contact_partings_order")),
        sa.ForeignKeyConstraint(
            ["one_id"], ["contacts.id"], name=op.f("fk_contact_partings_one_id")
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["contacts.id"], name=op.f("fk_contact_partings_other_id")
        ),
        sa.PrimaryKeyConstraint("one_id", "other_id", name=op.f("pk_contact_partings")),
    )
    op.create_index("ix_contact_partings_other_id", "contact_partings", ["other_id"])
    op.create_table(
        "contact_changes",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", json_type, nullable=False),
        sa.Column("changes", json_type, nullable=False),
        sa.Column("join_id", sa.String(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('said', 'edited', 'verified', 'learned', 'joined', 'split')",
            name=op.f("ck_contact_changes_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_changes_contact_id")
        ),
        sa.ForeignKeyConstraint(
            ["join_id"], ["contact_joins.id"], name=op.f("fk_contact_changes_join_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_changes")),
    )
    op.create_index("ix_contact_changes_newest", "contact_changes", ["contact_id", "at", "id"])
