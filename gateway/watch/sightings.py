"""What workers saw of a channel last: the clock's difference, refused tokens, the AI's seat."""

from __future__ import annotations

from sqlalchemy import delete, select

from gateway.store import Transaction
from gateway.store.models import Json, Sighting
from gateway.store.sql import insert_into


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


def find(db: Transaction, channel: str) -> dict[str, Sighting]:
    """What was seen of a channel, by name."""
    rows = db.scalars(select(Sighting).where(Sighting.channel == channel))
    return {row.name: row for row in rows}


def seen_in(db: Transaction, name: str, since: int = 0) -> set[str]:
    """Channels of which something of this name was seen, last after `since`."""
    query = select(Sighting.channel).where(Sighting.name == name, Sighting.at > since)
    return set(db.scalars(query))
