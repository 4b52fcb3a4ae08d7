"""Origins: from which delivery, call or piece of work a turn or a push is owed, for the logs."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("turns", sa.Column("origin", sa.String(), nullable=True))
    op.add_column("pushes", sa.Column("origin", sa.String(), nullable=True))
