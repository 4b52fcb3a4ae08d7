"""Sign-ins: who is signed in with a browser, and how many passwords were tried of late."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signins",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("browser", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_signins_operator_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signins")),
        sa.UniqueConstraint("digest", name=op.f("uq_signins_digest")),
    )
    op.create_index("ix_signins_operator_id", "signins", ["operator_id"], unique=False)
    op.create_index("ix_signins_expires_at", "signins", ["expires_at"], unique=False)
    op.create_table(
        "password_guesses",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("count > 0", name=op.f("ck_password_guesses_count")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_password_guesses")),
    )
    op.create_index("ix_password_guesses_until", "password_guesses", ["until"], unique=False)
