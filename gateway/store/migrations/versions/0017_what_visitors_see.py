"""What visitors see: read marks, ratings, names of pictures, and the journal by conversation."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "read_marks",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("side IN ('customer', 'operator')", name=op.f("ck_read_marks_side")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["chat_sessions.id"], name=op.f("fk_read_marks_session_id")
        ),
        sa.PrimaryKeyConstraint("session_id", "side", name=op.f("pk_read_marks")),
    )
    op.create_table(
        "ratings",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("rated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name=op.f("ck_ratings_score")),
        sa.CheckConstraint("length(comment) <= 2000", name=op.f("ck_ratings_comment")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["chat_sessions.id"], name=op.f("fk_ratings_session_id")
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_ratings")),
    )
    op.create_index(
        "ix_journal_conversation", "journal", ["conversation_id", "place"], unique=False
    )
    op.add_column("operator_avatars", sa.Column("shown_as", sa.String(), nullable=True))
    pictures = sa.table("operator_avatars", sa.column("operator_id"), sa.column("shown_as"))
    for (operator_id,) in op.get_bind().execute(sa.select(pictures.c.operator_id)).all():
        op.execute(
            pictures.update()
            .where(pictures.c.operator_id == operator_id)
            .values(shown_as=secrets.token_urlsafe(16))
        )
    op.create_index("ix_operator_avatars_shown_as", "operator_avatars", ["shown_as"], unique=True)
