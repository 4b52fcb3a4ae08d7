"""People: teams, schedules, limits, pictures, and the mails that call operators."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not by Alembic's batch, which copies a table on SQLite: these have others pointing at them.
    op.add_column("operators", sa.Column("deactivated_at", sa.BigInteger(), nullable=True))
    op.execute(
        "ALTER TABLE operators ADD COLUMN max_sessions INTEGER "
        "CONSTRAINT ck_operators_max_sessions CHECK (max_sessions > 0)"
    )
    op.add_column("operators", sa.Column("working_hours", sa.String(), nullable=True))
    op.add_column(
        "operators",
        sa.Column("offered_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_index(
        "ix_chat_sessions_held",
        "chat_sessions",
        ["responsible_id"],
        unique=False,
        sqlite_where=sa.text("status = 'active' AND responsible_kind = 'operator'"),
        postgresql_where=sa.text("status = 'active' AND responsible_kind = 'operator'"),
    )
    op.create_index(
        "ix_chat_sessions_waiting",
        "chat_sessions",
        ["waiting_since"],
        unique=False,
        sqlite_where=sa.text("waiting_since IS NOT NULL"),
        postgresql_where=sa.text("waiting_since IS NOT NULL"),
    )
    op.create_table(
        "teams",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("name", name=op.f("uq_teams_name")),
    )
    op.create_table(
        "team_members",
        sa.Column("team_id", sa.String(), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_team_members_team_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_team_members_operator_id")
        ),
        sa.PrimaryKeyConstraint("team_id", "operator_id", name=op.f("pk_team_members")),
    )
    op.create_index("ix_team_members_operator_id", "team_members", ["operator_id"], unique=False)
    op.create_table(
        "days_off",
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.CheckConstraint("length(day) = 10", name=op.f("ck_days_off_day")),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_days_off_operator_id")
        ),
        sa.PrimaryKeyConstraint("operator_id", "day", name=op.f("pk_days_off")),
    )
    op.create_table(
        "operator_avatars",
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "content_type IN ('image/png', 'image/jpeg', 'image/webp', 'image/gif')",
            name=op.f("ck_operator_avatars_content_type"),
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_operator_avatars_operator_id")
        ),
        sa.PrimaryKeyConstraint("operator_id", name=op.f("pk_operator_avatars")),
    )
    op.create_table(
        "wait_mails",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("owed_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('owed', 'sending', 'sent', 'failed', 'cancelled')",
            name=op.f("ck_wait_mails_state"),
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["chat_sessions.id"], name=op.f("fk_wait_mails_session_id")
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_wait_mails_operator_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wait_mails")),
        sa.UniqueConstraint(
            "session_id", "since", "operator_id",
            name=op.f("uq_wait_mails_session_id_since_operator_id"),
        ),
    )  # fmt: skip
    op.create_index(
        "ix_wait_mails_open",
        "wait_mails",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('owed', 'sending')"),
        postgresql_where=sa.text("state IN ('owed', 'sending')"),
    )
