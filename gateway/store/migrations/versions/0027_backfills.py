"""Backfills: what is imported of a channel's past, and sessions that sleep until they live."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_COUNTS = (
    "found", "known", "read", "gone", "failed", "messages", "shortened", "lost", "people", "staff",
)  # fmt: skip


def upgrade() -> None:
    op.add_column("chat_sessions", sa.Column("counts_from", sa.BigInteger(), nullable=True))
    # Without a rule that binds it to what a session waits for: a process of the release before
    # writes that, and does not know of sleep.
    op.add_column(
        "chat_sessions",
        sa.Column("asleep", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_table(
        "backfills",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("installation_id", sa.String(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("horizon", sa.BigInteger(), nullable=True),
        sa.Column("list_since", sa.BigInteger(), nullable=False),
        sa.Column("list_until", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("listed_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("expected", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in _COUNTS),
        sa.CheckConstraint(
            "ended_at IS NULL OR listed_at IS NOT NULL", name=op.f("ck_backfills_listed")
        ),
        sa.CheckConstraint(
            "listed_at IS NULL OR installation_id IS NOT NULL", name=op.f("ck_backfills_opened")
        ),
        sa.CheckConstraint(
            "(installation_id IS NULL) = (horizon IS NULL)", name=op.f("ck_backfills_horizon")
        ),
        sa.ForeignKeyConstraint(
            ["installation_id"], ["installations.id"], name=op.f("fk_backfills_installation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfills")),
    )
    under_way = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_backfills_open",
        "backfills",
        ["channel"],
        unique=True,
        sqlite_where=under_way,
        postgresql_where=under_way,
    )
    op.create_index("ix_backfills_newest", "backfills", ["channel", "id"], unique=False)
    op.create_table(
        "past_conversations",
        sa.Column("backfill_id", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["backfill_id"], ["backfills.id"], name=op.f("fk_past_conversations_backfill_id")
        ),
        sa.PrimaryKeyConstraint("backfill_id", "external_id", name=op.f("pk_past_conversations")),
    )
    op.create_index(
        "ix_past_conversations_newest",
        "past_conversations",
        ["backfill_id", "changed_at"],
        unique=False,
    )
