"""Operators who sign in at an identity provider: who they are there."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operator_identities",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_operator_identities_operator_id")
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_operator_identities")),
        sa.UniqueConstraint(
            "operator_id", "issuer", name=op.f("uq_operator_identities_operator_id_issuer")
        ),
    )
