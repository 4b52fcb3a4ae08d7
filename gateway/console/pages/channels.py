"""Channels: whether each is well, what is wrong and what to do, what waits, and reconciling now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Response

from gateway.channels.base import Channel
from gateway.clock import to_micros
from gateway.console.rooms import ADMINS, Pages
from gateway.quota import Headroom
from gateway.reading.backfills import find_backfills
from gateway.reading.passes import find_passes
from gateway.reading.sessions import Json
from gateway.reading.waiting import Waiting, find_waiting
from gateway.store import Transaction
from gateway.watch.looking import health


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A channel as the page shows it. `running` is the pass under way, `last` the one before;
    `importing` is the backfill under way, `imported` the one before."""

    channel: Channel
    health: Json
    waiting: Mapping[str, Waiting]
    headroom: Headroom | None
    running: Json | None
    last: Json | None
    importing: Json | None
    imported: Json | None

    @property
    def wrong(self) -> list[Json]:
        """What is wrong."""
        return [one for one in self.health["findings"] if not one["ok"]]

    @property
    def well(self) -> list[Json]:
        """What is not."""
        return [one for one in self.health["findings"] if one["ok"]]


def add_channel_pages(pages: Pages) -> None:
    """Add the page."""
    parts = pages.parts

    def seen(db: Transaction, name: str, waiting: Mapping[str, Waiting], now: int) -> Seen:
        channel = parts.channels[name]
        passes = find_passes(db, name, limit=2).items if channel.remote else []
        past = find_backfills(db, name, limit=2).items if channel.remote else []
        return Seen(
            channel=channel,
            health=health(db, parts.watched[name], now),
            waiting=waiting,
            # Outside of the record: this may take as long as Redis takes to be given up.
            headroom=channel.headroom() if channel.headroom is not None else None,
            running=next((one for one in passes if one["ended_at"] is None), None),
            last=next((one for one in passes if one["ended_at"] is not None), None),
            importing=next((one for one in past if one["ended_at"] is None), None),
            imported=next((one for one in past if one["ended_at"] is not None), None),
        )

    @pages.page("/channels", roles=ADMINS, title="Channels")
    def channels() -> Response:
        now = to_micros(parts.clock.now())
        with parts.database.read() as db:
            waiting = find_waiting(db, parts.channels)
        found = []
        for name in parts.channels:
            with parts.database.read() as db:
                found.append(seen(db, name, waiting[name], now))
        template = "channels/cards.html" if pages.is_part() else "channels/list.html"
        return pages.render(
            template,
            found=found,
            busy=any(one.running or one.importing for one in found),
            apps=list(parts.installing.apps.values()),
        )
