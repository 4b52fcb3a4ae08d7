"""Files: what visitors and operators send besides words."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_RULES = (
    ("state", "state IN ('coming', 'uploaded', 'sent', 'gone')"),
    ("owner_kind", "owner_kind IN ('visitor', 'operator')"),
    ("channel", "(owner_kind = 'visitor') = (channel IS NOT NULL)"),
    ("size", "size >= 0"),
    ("sides", "(width IS NULL) = (height IS NULL)"),
    ("place", "(message_id IS NULL) = (conversation_id IS NULL)"),
    ("sent_at", "(message_id IS NULL) = (sent_at IS NULL)"),
    ("sent", "state = 'gone' OR (state = 'sent') = (message_id IS NOT NULL)"),
    ("sha256", "state NOT IN ('uploaded', 'sent') OR sha256 IS NOT NULL"),
    ("key", "state = 'gone' OR key IS NOT NULL"),
    ("gone_at", "(state = 'gone') = (gone_at IS NOT NULL)"),
)
_INDEXES = (
    ("ix_files_owner", ["owner_id", "created_at"], None),
    ("ix_files_message", ["message_id"], "message_id IS NOT NULL"),
    ("ix_files_conversation", ["conversation_id"], "conversation_id IS NOT NULL"),
    ("ix_files_unsent", ["created_at"], "state IN ('coming', 'uploaded')"),
    ("ix_files_gone", ["gone_at"], "state = 'gone'"),
)


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("owner_kind", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("conversation_id", sa.String(), nullable=True),
        sa.Column("message_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_files_{name}")) for name, rule in _RULES),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_files_conversation_id")
        ),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_files_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
    )
    for name, columns, where in _INDEXES:
        only = sa.text(where) if where else None
        op.create_index(
            name, "files", columns, unique=False, sqlite_where=only, postgresql_where=only
        )
