"""Mails that call operators, by whom they call: so many within an hour are enough."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_wait_mails_operator", "wait_mails", ["operator_id", "owed_at"], unique=False
    )
