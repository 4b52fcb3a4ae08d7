"""The settings that were in force last, so that the audit can tell what has changed."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "known_configuration",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("one = 1", name=op.f("ck_known_configuration_one")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_known_configuration")),
    )
