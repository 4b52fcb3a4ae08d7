"""Searching: what was said and who customers are by their words; what is active, the newest first.

On PostgreSQL messages cannot be written while their index is made (about half a minute for a
million of them).
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_WORDS = r"""
CREATE INDEX {name} ON {table} USING gin (to_tsvector('simple'::regconfig,
translate(left({text}, 20000), '{signs}', '{spaces}'))) WITH (gin_pending_list_limit = 256)
"""
_SIGNS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡¿«»“”„‘’…–—·、。，！？：；（）「」\u00a0\u3000"
_INDEXED = (
    ("ix_messages_words", "messages", "text"),
    ("ix_contacts_words", "contacts", "coalesce(name, '') || ' ' || coalesce(email, '')"),
)


def upgrade() -> None:
    active = sa.text("status = 'active'")
    op.create_index(
        "ix_chat_sessions_active",
        "chat_sessions",
        ["opened_at", "id"],
        unique=False,
        sqlite_where=active,
        postgresql_where=active,
    )
    bind = op.get_bind()
    if bind.dialect.name != "postgresql":
        return
    signs, spaces = _SIGNS.replace("'", "''"), " " * len(_SIGNS)
    for name, table, text in _INDEXED:
        statement = _WORDS.format(name=name, table=table, text=text, signs=signs, spaces=spaces)
        # Not by way of parameters: the per cent sign among the signs means itself.
        bind.exec_driver_sql(statement.replace("%", "%%"), {})
