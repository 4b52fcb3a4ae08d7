"""Among people: deadlines of those who wait, offers, stretches, and what became of drafts."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_WAITS = (
    ("wait_step", "wait_step IN ('accept', 'first_reply', 'reply')"),
    ("waits", "waiting_since IS NULL OR wait_step IS NOT NULL"),
    ("wait_due", "(wait_step IS NULL) = (wait_due IS NULL)"),
    ("wait_mode", "wait_step IS NULL OR (mode <> 'ai' AND status = 'active')"),
)


def upgrade() -> None:
    # Not by Alembic's batch, which copies a table on SQLite: this one has others pointing at it.
    op.add_column("chat_sessions", sa.Column("wait_step", sa.String(), nullable=True))
    op.add_column("chat_sessions", sa.Column("wait_since", sa.BigInteger(), nullable=True))
    op.add_column("chat_sessions", sa.Column("wait_due", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE chat_sessions SET wait_step = 'accept', wait_since = waiting_since, "
        "wait_due = waiting_since + 300000000 WHERE waiting_since IS NOT NULL"
    )
    op.add_column(
        "chat_sessions",
        sa.Column("widened", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    # The rules come with the last column: they must hold for the rows that are there.
    rules = " ".join(f"CONSTRAINT ck_chat_sessions_{name} CHECK ({rule})" for name, rule in _WAITS)
    op.execute(f"ALTER TABLE chat_sessions ADD COLUMN wait_rung INTEGER {rules}")
    op.execute("UPDATE chat_sessions SET wait_rung = 0 WHERE wait_step IS NOT NULL")
    op.create_index(
        "ix_chat_sessions_wait_due",
        "chat_sessions",
        ["wait_due"],
        unique=False,
        sqlite_where=sa.text("wait_due IS NOT NULL"),
        postgresql_where=sa.text("wait_due IS NOT NULL"),
    )
    op.create_table(
        "stretches",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("handed_by", sa.String(), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("accepted_by", sa.String(), nullable=True),
        sa.Column("first_reply_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["chat_sessions.id"], name=op.f("fk_stretches_session_id")
        ),
        sa.PrimaryKeyConstraint("session_id", "number", name=op.f("pk_stretches")),
    )
    op.create_index("ix_stretches_began_at", "stretches", ["began_at"], unique=False)
    op.create_table(
        "offers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=True),
        sa.Column("offered_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'open') = (ended_at IS NULL)", name=op.f("ck_offers_ended_at")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'accepted', 'declined', 'expired', 'withdrawn')",
            name=op.f("ck_offers_state"),
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_offers_operator_id")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["chat_sessions.id"], name=op.f("fk_offers_session_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
    )
    op.create_index(
        "uq_offers_open",
        "offers",
        ["session_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_offers_session", "offers", ["session_id", "offered_at"], unique=False)
    op.create_index("ix_offers_operator", "offers", ["operator_id", "offered_at"], unique=False)
    op.create_table(
        "drafts",
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("turn_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("sent_as", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(state = 'open') = (ended_at IS NULL)", name=op.f("ck_drafts_ended_at")
        ),
        sa.CheckConstraint(
            "sent_as IS NULL OR state IN ('sent', 'edited')", name=op.f("ck_drafts_sent_as")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'sent', 'edited', 'discarded', 'expired')",
            name=op.f("ck_drafts_state"),
        ),
        sa.ForeignKeyConstraint(["ended_by"], ["operators.id"], name=op.f("fk_drafts_ended_by")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_drafts_message_id")),
        sa.ForeignKeyConstraint(["sent_as"], ["messages.id"], name=op.f("fk_drafts_sent_as")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["chat_sessions.id"], name=op.f("fk_drafts_session_id")
        ),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name=op.f("fk_drafts_turn_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_drafts")),
    )
    op.create_index(
        "ix_drafts_open",
        "drafts",
        ["session_id"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_drafts_ended", "drafts", ["created_at"], unique=False)
