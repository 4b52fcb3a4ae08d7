"""Subscribers: how far each has been told, and what it is still owed."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "subscribers",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("rest_until", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_subscribers")),
    )
    op.create_table(
        "event_deliveries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("subscriber", sa.String(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=True),
        sa.Column("contact_id", sa.String(), nullable=True),
        sa.Column("message_id", sa.String(), nullable=True),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("owed_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('owed', 'sent', 'dead', 'cancelled')",
            name=op.f("ck_event_deliveries_state"),
        ),
        sa.CheckConstraint(
            "(state = 'owed') = (ended_at IS NULL)", name=op.f("ck_event_deliveries_ended_at")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber"], ["subscribers.name"], name=op.f("fk_event_deliveries_subscriber")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_deliveries")),
        sa.UniqueConstraint(
            "subscriber", "place", name=op.f("uq_event_deliveries_subscriber_place")
        ),
    )
    owed = sa.text("state = 'owed'")
    with op.batch_alter_table("event_deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_event_deliveries_due",
            ["subscriber", "lane", "due_at"],
            unique=False,
            sqlite_where=owed,
            postgresql_where=owed,
        )
        batch_op.create_index(
            "ix_event_deliveries_order",
            ["subscriber", "subject", "place"],
            unique=False,
            sqlite_where=owed,
            postgresql_where=owed,
        )
        batch_op.create_index(
            "ix_event_deliveries_list", ["subscriber", "state", "id"], unique=False
        )
