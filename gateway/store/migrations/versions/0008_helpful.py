"""Helpful: which answers of the AI helped, for the rule that counts those that did not."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("turns", sa.Column("helpful", sa.Boolean(), nullable=True))
