"""Searching: what was said and who customers are by their words; what is active, the newest first.

On PostgreSQL messages are written anew for it, and nobody else can write meanwhile (about a minute
for a million of them).
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_COLUMN = """
ALTER TABLE {table} ADD COLUMN words tsvector GENERATED ALWAYS AS (to_tsvector('simple'::regconfig,
translate(left({text}, 20000), '{signs}', '{spaces}'))) STORED
"""
# A short list of what waits to be indexed: whoever writes when it is full pays for all of it.
_INDEX = """
CREATE INDEX ix_{table}_words ON {table} USING gin (words) WITH (gin_pending_list_limit = 256)
"""
_SIGNS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡¿«»“”„‘’…–—·、。，！？：；（）「」\u00a0\u3000"
_SAYS = {"messages": "text", "contacts": "coalesce(name, '') || ' ' || coalesce(email, '')"}


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
    for table, text in _SAYS.items():
        column = _COLUMN.format(table=table, text=text, signs=signs, spaces=spaces)
        # Not by way of parameters: the per cent sign among the signs means itself.
        bind.exec_driver_sql(column.replace("%", "%%"), {})
        bind.exec_driver_sql(_INDEX.format(table=table))
