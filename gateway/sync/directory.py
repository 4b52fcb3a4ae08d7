"""Sync: who works in each channel, by name, before the names are needed."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import structlog
from sqlalchemy import select, update

from gateway.channels.base import Sender
from gateway.clock import to_micros
from gateway.conversations import claims
from gateway.errors import Again, Never, Paused
from gateway.events import Event, StaffSeen
from gateway.people import staff
from gateway.store import Transaction
from gateway.store.models import Claim, Installation, Json
from gateway.sync.reading import Reader
from gateway.watch import sightings
from gateway.watch.gathering import DIRECTORY, SKEW, TROUBLE
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

CLAIM = "directory"
PERIOD_S = 3600.0
_AT_MOST_EVERY_S = 60.0
_ASK = "ask"


class Directories:
    """Reads each channel's people and teams once an hour, and whose workspace its token opens.

    And at once when somebody is named whom nobody knows. The claim is never given back, so however
    many workers there are, and however often they start, a channel is asked once a minute at most.
    """

    kind = "directory"
    threads = 1

    def __init__(self, parts: Parts, reader: Reader) -> None:
        self._parts = parts
        self._database = parts.database
        self._reader = reader
        self._asking = threading.Lock()

    def due(self, limit: int) -> Sequence[str]:
        """Channels that have been heard of, and were not asked within the hour or lack a name."""
        with self._database.read() as db:
            now = self._database.now(db)
            awake = {name for name, one in self._parts.channels.items() if one.paused is None}
            known = set(db.scalars(select(Installation.channel))) & awake
            asked = set(db.scalars(select(Claim.key).where(Claim.kind == CLAIM, Claim.until > now)))
            rested = known - asked
            if not rested:
                return []
            fresh = sightings.seen_in(db, DIRECTORY, since=self._now() - int(PERIOD_S * 1e6))
            due = rested - fresh | rested & (sightings.seen_in(db, _ASK) | staff.unnamed_in(db))
        return sorted(due)[:limit]

    def due_within(self, seconds: float) -> bool:
        """Names are not urgent: the scheduler comes again."""
        return False

    def do(self, channel: str) -> None:
        """Ask one channel; after trouble again in a minute."""
        token = self._database.write(
            lambda db: claims.take(db, self._database, CLAIM, channel, _AT_MOST_EVERY_S)
        )
        if token is None:
            return
        try:
            sender = self._reader.sender(channel)
        except Paused:
            return
        try:
            installation = sender.installation()
            self._compare(channel, installation)
            people = sender.directory()
        except (Again, Never) as trouble:
            log.warning("directory_not_read", channel=channel, error=trouble.message)
            seen = {"message": trouble.message, "status": trouble.details.get("status")}

            def later(db: Transaction) -> None:
                now = self._now()
                sightings.see(db, channel, TROUBLE, seen, now, goes_on=True)
                self._see_clock(db, channel, sender, now)

            self._database.write(later)
            return
        self._parts.inbox.meet(channel, people)

        def keep(db: Transaction) -> None:
            now = self._now()
            seen = {"token_of": installation, "seat": _seat(people)}
            sightings.see(db, channel, DIRECTORY, seen, now)
            sightings.forget(db, channel, TROUBLE)
            sightings.forget(db, channel, _ASK)
            self._see_clock(db, channel, sender, now)

        self._database.write(keep)

    def abandon(self, keys: Sequence[str]) -> None:
        """What was not read is read in an hour."""

    def _see_clock(self, db: Transaction, channel: str, sender: Sender, now: int) -> None:
        skew_s = sender.skew_s()
        if skew_s is not None:
            sightings.see(db, channel, SKEW, {"s": round(skew_s, 3)}, now)

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())

    def _compare(self, channel: str, installation: str) -> None:
        pinned = self._parts.channels[channel].installation
        if pinned is None:
            with self._database.read() as db:
                pinned = db.scalar(
                    select(Installation.external_id).where(
                        Installation.channel == channel, Installation.slot == ""
                    )
                )
        if installation and pinned != installation:
            log.error(
                "installation_differs", channel=channel, pinned=pinned, token_of=installation,
                do="the access token is of another workspace than the notifications; see doctor",
            )  # fmt: skip


def ask_at_once(db: Transaction, channel: str, now: int) -> None:
    """What is known of a channel cannot be all: its directory is due now."""
    sightings.see(db, channel, _ASK, {}, now)
    db.execute(update(Claim).where(Claim.kind == CLAIM, Claim.key == channel).values(until=0))


def _seat(people: Sequence[Event]) -> Json | None:
    """What the directory says of the AI's own seat; None if it has none."""
    for one in people:
        if isinstance(one, StaffSeen) and one.kind == "ai":
            return {"away": one.away, "reassigns": one.reassigns}
    return None
