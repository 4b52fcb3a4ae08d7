"""Bodies of deliveries that name a person, whatever they are about: found by reading them all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlalchemy import select

from gateway.store import Database
from gateway.store.models import InboxDelivery

_AT_ONCE = 200

Found = Sequence[tuple[str, bytes]]


def that_name(
    database: Database, words: Sequence[str], until: str | None = None
) -> Iterator[Found]:
    """Deliveries with one of these words as a whole text of their JSON, some at a time.

    `until` is the id of the last one that is looked at. No transaction is open in between.
    """
    if not words:
        return
    wanted = re.compile("|".join(_quoted(word) for word in words).encode(), re.IGNORECASE)
    last = ""
    while True:
        query = select(InboxDelivery.id, InboxDelivery.body).where(
            InboxDelivery.id > last, InboxDelivery.forgotten_at.is_(None)
        )
        if until is not None:
            query = query.where(InboxDelivery.id <= until)
        with database.read() as db:
            rows = db.execute(query.order_by(InboxDelivery.id).limit(_AT_ONCE)).all()
        yield [(row.id, row.body) for row in rows if wanted.search(row.body)]
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1].id


def _quoted(word: str) -> str:
    """A word as a text in JSON, its letters as they are or as JSON may escape them."""
    escaped = "".join(
        one if one.isascii() else f"\\u{ord(one):04x}" for one in word if ord(one) < 0x10000
    )
    spelled = {re.escape(word), re.escape(escaped)}
    return '"(?:' + "|".join(sorted(spelled)) + ')"'
