"""Public apps: the workspaces that have let one in, and the consents that are under way."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "app_installations",
        sa.Column("installation_id", sa.String(), nullable=False),
        sa.Column("app", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.Column("seat", sa.String(), nullable=True),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("state_since", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("installed_at", sa.BigInteger(), nullable=False),
        sa.Column("installed_by", sa.String(), nullable=True),
        sa.CheckConstraint(
            "state IN ('active', 'seatless', 'revoked', 'uninstalled')",
            name=op.f("ck_app_installations_state"),
        ),
        sa.CheckConstraint(
            "(token IS NULL) = (state = 'uninstalled')", name=op.f("ck_app_installations_token")
        ),
        sa.CheckConstraint(
            "state <> 'active' OR seat IS NOT NULL", name=op.f("ck_app_installations_seat")
        ),
        sa.ForeignKeyConstraint(
            ["installation_id"], ["installations.id"],
            name=op.f("fk_app_installations_installation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["installed_by"], ["operators.id"], name=op.f("fk_app_installations_installed_by")
        ),
        sa.PrimaryKeyConstraint("installation_id", name=op.f("pk_app_installations")),
        sa.UniqueConstraint(
            "app", "external_id", name=op.f("uq_app_installations_app_external_id")
        ),
        sa.UniqueConstraint("channel", name=op.f("uq_app_installations_channel")),
    )  # fmt: skip
    op.create_table(
        "app_consents",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("app", sa.String(), nullable=False),
        sa.Column("signin_id", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_app_consents")),
    )
    op.create_index("ix_app_consents_expires_at", "app_consents", ["expires_at"], unique=False)
