"""Audit: who did what; entries are never changed, and removed only behind a horizon."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SQLITE = (
    """
    CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END
    """,
    """
    CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
    WHEN OLD.at >= coalesce((SELECT until FROM audit_horizon), 0)
    BEGIN SELECT RAISE(ABORT, 'audit entries are kept until the horizon has passed them'); END
    """,
)
POSTGRESQL = (
    """
    CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE'
            AND OLD.at < coalesce((SELECT until FROM audit_horizon), 0) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'audit entries are never changed, and kept until the horizon has passed'
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_stays()
    """,
    """
    CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_stays()
    """,
)


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=True),
        sa.Column("actor_name", sa.String(), nullable=False),
        sa.Column("token_id", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("object_kind", sa.String(), nullable=True),
        sa.Column("object_id", sa.String(), nullable=True),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "actor_kind IN ('operator', 'agent', 'cli', 'system')", name=op.f("ck_audit_actor_kind")
        ),
        sa.CheckConstraint(
            "outcome IN ('begun', 'done', 'refused')", name=op.f("ck_audit_outcome")
        ),
        sa.CheckConstraint(
            "(outcome = 'refused') = (reason IS NOT NULL)", name=op.f("ck_audit_reason")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    op.create_index("ix_audit_actor", "audit", ["actor_id", "id"], unique=False)
    op.create_index("ix_audit_action", "audit", ["action", "id"], unique=False)
    op.create_index("ix_audit_object", "audit", ["object_id", "id"], unique=False)
    op.create_table(
        "audit_horizon",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("one = 1", name=op.f("ck_audit_horizon_one")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_audit_horizon")),
    )
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in POSTGRESQL if on_postgresql else SQLITE:
        op.execute(statement)
