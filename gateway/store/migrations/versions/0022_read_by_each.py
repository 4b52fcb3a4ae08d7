"""Up to where each operator has read: what one has read is still news to the others."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operator_read_marks",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["chat_sessions.id"], name=op.f("fk_operator_read_marks_session_id")
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_operator_read_marks_operator_id")
        ),
        sa.PrimaryKeyConstraint("session_id", "operator_id", name=op.f("pk_operator_read_marks")),
    )
    # What somebody inside had read was read for everybody: it does not become news again.
    op.execute(
        """
        INSERT INTO operator_read_marks (session_id, operator_id, at, number, step, read_at)
        SELECT marks.session_id, operators.id, marks.at, marks.number, marks.step, marks.read_at
        FROM read_marks AS marks
        JOIN chat_sessions AS sessions ON sessions.id = marks.session_id
        CROSS JOIN operators
        WHERE marks.side = 'operator' AND sessions.status = 'active'
          AND operators.deactivated_at IS NULL
        """
    )
