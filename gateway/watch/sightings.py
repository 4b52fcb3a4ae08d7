"""What workers saw of a channel last: the clock's difference, refused tokens, the AI's seat."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, delete, select

from gateway.store import Transaction
from gateway.store.models import Json, Sighting
from gateway.store.prepared import Prepared
from gateway.store.sql import insert_into, table_of

_SIGHTINGS = table_of(Sighting)
_OF_CHANNEL = Prepared(
    lambda _: select(_SIGHTINGS).where(_SIGHTINGS.c.channel == bindparam("channel"))
)


def see(
    db: Transaction, channel: str, name: str, value: Json, now: int, *, goes_on: bool = False
) -> None:
    """Keep what was seen. The same as before keeps its `since`, and so does what `goes_on`."""
    before = db.execute(
        select(Sighting.value, Sighting.since).where(
            Sighting.channel == channel, Sighting.name == name
        )
    ).one_or_none()
    same = before is not None and (goes_on or before.value == value)
    since = before.since if before is not None and same else now
    row = insert_into(db, Sighting).values(
        channel=channel, name=name, value=value, since=since, at=now
    )
    db.execute(
        row.on_conflict_do_update(
            index_elements=[Sighting.channel, Sighting.name],
            set_={"value": row.excluded.value, "since": row.excluded.since, "at": row.excluded.at},
        )
    )


def forget(db: Transaction, channel: str, name: str) -> None:
    """It is not so any more."""
    db.execute(delete(Sighting).where(Sighting.channel == channel, Sighting.name == name))


def find(db: Transaction, channel: str) -> dict[str, Any]:
    """What was seen of a channel, by name: rows of `Sighting`."""
    return {row.name: row for row in _OF_CHANNEL.run(db, {"channel": channel})}


def seen_in(db: Transaction, name: str, since: int = 0) -> set[str]:
    """Channels of which something of this name was seen, last after `since`."""
    query = select(Sighting.channel).where(Sighting.name == name, Sighting.at > since)
    return set(db.scalars(query))
