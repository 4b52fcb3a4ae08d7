"""Privacy: what was erased and forgotten, and who may not be known again by what comes late."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_TABLES = ("contacts", "conversations", "chat_sessions", "inbox", "contact_identities")

# An entry may lose what it holds of a person, and nothing else of it ever changes.
_SAME = (
    "id", "at", "actor_kind", "actor_id", "actor_name", "token_id", "address", "request_id",
    "action", "object_kind", "object_id", "outcome", "reason",
)  # fmt: skip
_ERASED = '{"erased":true}'
SQLITE = (
    "DROP TRIGGER audit_is_never_changed",
    """
    CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
    WHEN NOT ({same}
        AND (NEW."before" IS OLD."before" OR NEW."before" = '{erased}')
        AND (NEW."after" IS OLD."after" OR NEW."after" = '{erased}'))
    BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END
    """,
)
POSTGRESQL = (
    """
    CREATE OR REPLACE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE'
            AND OLD.at < coalesce((SELECT until FROM audit_horizon), 0) THEN
            RETURN OLD;
        END IF;
        IF TG_OP = 'UPDATE' AND {same}
            AND (NEW."before"::text IS NOT DISTINCT FROM OLD."before"::text
                OR NEW."before"::text = '{erased}')
            AND (NEW."after"::text IS NOT DISTINCT FROM OLD."after"::text
                OR NEW."after"::text = '{erased}') THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'audit entries are never changed, and kept until the horizon has passed'
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
)


def upgrade() -> None:
    for table in _TABLES:
        name = "erased_at" if table == "contacts" else "forgotten_at"
        op.add_column(table, sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("conversations", sa.Column("redacted_at", sa.BigInteger(), nullable=True))
    op.add_column("conversations", sa.Column("clean_due", sa.BigInteger(), nullable=True))
    due = sa.text("clean_due IS NOT NULL")
    op.create_index(
        "ix_conversations_clean_due", "conversations", ["clean_due"],
        sqlite_where=due, postgresql_where=due,
    )  # fmt: skip
    named = sa.text("conversation IS NOT NULL")
    op.create_index(
        "ix_inbox_conversation", "inbox", ["conversation", "id"],
        sqlite_where=named, postgresql_where=named,
    )  # fmt: skip
    kept = sa.text("status = 'finished' AND forgotten_at IS NULL")
    op.create_index(
        "ix_chat_sessions_remembered", "chat_sessions", ["channel", "finished_at"],
        sqlite_where=kept, postgresql_where=kept,
    )  # fmt: skip
    op.create_table(
        "erased_identities",
        sa.Column("installation_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["installation_id"], ["installations.id"],
            name=op.f("fk_erased_identities_installation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_erased_identities_contact_id")
        ),
        sa.PrimaryKeyConstraint("installation_id", "digest", name=op.f("pk_erased_identities")),
    )  # fmt: skip
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("wanted", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("counts", sa.JSON(none_as_null=True), nullable=False),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (wanted IS NOT NULL)", name=op.f("ck_erasures_wanted")
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_erasures_contact_id")
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_erasures_operator_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_index("ix_erasures_contact_id", "erasures", ["contact_id"])
    unended = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_erasures_open", "erasures", ["id"], sqlite_where=unended, postgresql_where=unended
    )
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    equal = "IS NOT DISTINCT FROM" if on_postgresql else "IS"
    same = " AND ".join(f"NEW.{one} {equal} OLD.{one}" for one in _SAME)
    for statement in POSTGRESQL if on_postgresql else SQLITE:
        words = statement.replace("{same}", same).replace("{erased}", _ERASED)
        op.get_bind().exec_driver_sql(words, ())
