"""Backfills that somebody has stopped."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("backfills", sa.Column("stopped_at", sa.BigInteger(), nullable=True))
