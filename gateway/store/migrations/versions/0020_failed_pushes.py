"""Failed pushes: few among many, looked at by those who run the gateway."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    failed = sa.text("state = 'failed'")
    op.create_index(
        "ix_pushes_failed",
        "pushes",
        ["id"],
        unique=False,
        sqlite_where=failed,
        postgresql_where=failed,
    )
