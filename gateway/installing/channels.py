"""Every channel as it is now: those of the settings, and each workspace that has let an app in.

Installations come, go and change while processes run. What a process knows of them is read anew at
most once a second, before it takes something in or begins a piece of work: never in the middle.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import TypeVar

import structlog

from gateway.channels.base import App, Channel, Installed
from gateway.clock import Clock
from gateway.errors import Paused, Unavailable
from gateway.installing import book
from gateway.installing.book import Known
from gateway.installing.seals import Seals
from gateway.store import Database

log = structlog.get_logger(__name__)

T = TypeVar("T")

FRESH_S = 1.0
"""For how long a process goes by what it has read."""

Refused = Callable[[str, int], object]
"""Called with the channel whose token was refused, and the version that it was of."""


class LiveChannels(Mapping[str, Channel]):
    """The channels by name. Safe to share between threads."""

    def __init__(
        self,
        fixed: Mapping[str, Channel],
        apps: Mapping[str, App],
        agents: Collection[str],
        database: Database,
        seals: Seals,
        clock: Clock,
    ) -> None:
        self._fixed = fixed
        self._apps = apps
        self._agents = agents
        self._database = database
        self._seals = seals
        self._clock = clock
        self._reading = threading.Lock()
        self._versions: Mapping[str, int] = {}
        self._read_at = float("-inf")
        # Without an app there is nothing to read, ever.
        self._found: Mapping[str, Channel] | None = None if apps else fixed
        self.refused: Refused = _nobody

    def __getitem__(self, name: str) -> Channel:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def refresh(self, *, at_once: bool = False) -> None:
        """Read what has changed, unless that was done a moment ago.

        If it cannot be read, what is known stays; raises Unavailable if nothing is known yet.
        """
        if not self._apps or (not at_once and self._is_fresh()):
            return
        # One reads, others go by what is known, unless they may not.
        if not self._reading.acquire(blocking=at_once or self._found is None):
            return
        try:
            if at_once or not self._is_fresh():
                self._read()
        except Unavailable:
            if self._found is None:
                raise
            log.warning("installations_not_read")
        finally:
            self._reading.release()

    def _is_fresh(self) -> bool:
        return self._clock.monotonic() - self._read_at < FRESH_S

    def _all(self) -> Mapping[str, Channel]:
        if self._found is None:
            self.refresh()
        assert self._found is not None
        return self._found

    def _read(self) -> None:
        began = self._clock.monotonic()
        with self._database.read() as db:
            versions = book.versions(db)
            known = book.find_all(db) if versions != self._versions else None
        if known is not None or self._found is None:
            before = self._found or {}
            found = dict(self._fixed)
            for one in known or ():
                if one.app not in self._apps:
                    continue  # its table is gone from the settings
                same = self._versions.get(one.channel) == one.version and one.channel in before
                found[one.channel] = before[one.channel] if same else self._opened(one)
            self._versions = versions
            self._found = MappingProxyType(found)
        self._read_at = began

    def _opened(self, one: Known) -> Channel:
        token, paused = "", book.WHY.get(one.state)
        if one.token is not None:
            try:
                token = self._seals.open(one.token, one.installation_id)
            except Paused as trouble:
                paused = paused or trouble.message
        settings = dict(one.settings)
        if settings.get("agent") not in (None, *self._agents):
            log.warning("agent_unknown", channel=one.channel, agent=settings.pop("agent"))
        installed = Installed(
            channel=one.channel, workspace=one.external_id, title=one.title, region=one.region,
            token=token, seat=one.seat or "", settings=settings, paused=paused,
        )  # fmt: skip
        app = self._apps[one.app]
        return app.open_channel(installed, partial(self._token_refused, one.channel, one.version))

    def _token_refused(self, channel: str, version: int) -> None:
        self.refused(channel, version)


class PerChannel(Mapping[str, T]):
    """Something for each channel, made when it is asked for, and anew when the channel changes."""

    def __init__(self, channels: Mapping[str, Channel], make: Callable[[Channel], T]) -> None:
        self._channels = channels
        self._make = make
        self._made: dict[str, tuple[Channel, T]] = {}

    def __getitem__(self, name: str) -> T:
        channel = self._channels[name]
        made = self._made.get(name)
        if made is None or made[0] is not channel:
            made = self._made[name] = (channel, self._make(channel))
        return made[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._channels)

    def __len__(self) -> int:
        return len(self._channels)


def _nobody(channel: str, version: int) -> None:
    raise AssertionError("nobody is told of refused tokens yet")
