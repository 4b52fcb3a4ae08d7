"""Contacts in step with their channels: tags and the like, and edits that channels are owed."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_OPEN = "state IN ('owed', 'sending', 'unknown')"
_BEGUN = "state IN ('sending', 'unknown')"


def upgrade() -> None:
    # Not by Alembic's batch, which copies a table on SQLite: these have others pointing at them.
    for column in ("marks TEXT", "look_due BIGINT"):
        op.execute(sa.text(f"ALTER TABLE contact_identities ADD COLUMN {column}"))
    for column in (
        "outcome VARCHAR CONSTRAINT ck_contact_changes_outcome "
        "CHECK (outcome IN ('sent', 'not_sent'))",
        "why TEXT",
    ):
        op.execute(sa.text(f"ALTER TABLE contact_changes ADD COLUMN {column}"))
    _index("ix_contact_identities_look_due", "contact_identities", ["look_due"],
           "look_due IS NOT NULL")  # fmt: skip
    _add_pushes()


def _add_pushes() -> None:
    op.create_table(
        "contact_pushes",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("installation_id", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("sent", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("owed_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        sa.Column("begun_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("token", sa.String(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("reads", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('owed', 'sending', 'unknown', 'sent', 'failed', 'cancelled')",
            name=op.f("ck_contact_pushes_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('sending', 'unknown') OR (begun_at IS NOT NULL AND sent IS NOT NULL)",
            name=op.f("ck_contact_pushes_begun_at"),
        ),
        sa.CheckConstraint(
            f"(ended_at IS NULL) = ({_OPEN})", name=op.f("ck_contact_pushes_ended_at")
        ),
        sa.ForeignKeyConstraint(
            ["installation_id", "external_id"],
            ["contact_identities.installation_id", "contact_identities.external_id"],
            name=op.f("fk_contact_pushes_installation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_pushes")),
    )
    identity = ["installation_id", "external_id"]
    op.create_index("ix_contact_pushes_identity", "contact_pushes", [*identity, "id"])
    _index("uq_contact_pushes_owed", "contact_pushes", identity, "state = 'owed'", unique=True)
    _index("uq_contact_pushes_begun", "contact_pushes", identity, _BEGUN, unique=True)
    _index("ix_contact_pushes_due", "contact_pushes", ["due_at"], _OPEN)


def _index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition
    )
