"""Which sessions a page shows, as its address says it: `?status=active&from=2026-11-01`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from gateway.clock import to_micros
from gateway.reading.sessions import SessionFilter

STATUSES = ("active", "finished")
MODES = ("ai", "human", "copilot")
_LONGEST = 200
# What stands in addresses, where Python has words of its own.
_NAMES = {"since": "from", "until": "to"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The filters of a page; empty: all of them. `since` and `until` are days, both included."""

    q: str = ""
    status: str = ""
    mode: str = ""
    channel: str = ""
    agent: str = ""
    responsible: str = ""
    since: str = ""
    until: str = ""

    @classmethod
    def read(
        cls, said: Mapping[str, str], *, channels: Collection[str], agents: Collection[str]
    ) -> Chosen:
        """Read them from an address. What cannot be chosen is as good as not said."""
        words = {
            one.name: _clean(said.get(_NAMES.get(one.name, one.name), "")) for one in fields(cls)
        }
        known: dict[str, Collection[str]] = {
            "status": STATUSES, "mode": MODES, "channel": channels, "agent": agents,
        }  # fmt: skip
        for name, among in known.items():
            if words[name] not in among:
                words[name] = ""
        for name in ("since", "until"):
            if _day(words[name]) is None:
                words[name] = ""
        return cls(**words)

    def wanted(self, zone: ZoneInfo) -> SessionFilter:
        """What is asked of the record; days are those of a time zone."""
        named: Any = {
            name: getattr(self, name) or None
            for name in ("q", "status", "mode", "channel", "agent", "responsible")
        }
        since, until = _day(self.since), _day(self.until)
        return SessionFilter(
            **named,
            since=_begins(since, zone) if since else None,
            until=_begins(until + timedelta(days=1), zone) if until else None,
        )

    @property
    def any(self) -> bool:
        """Is anything chosen?"""
        return self != Chosen()

    def query(self, **more: str | None) -> str:
        """The end of an address that says the same, and more: `?status=active&cursor=…`."""
        said = {_NAMES.get(one.name, one.name): getattr(self, one.name) for one in fields(self)}
        pairs = {name: value for name, value in (said | more).items() if value}
        return f"?{urlencode(pairs)}" if pairs else ""

    def without(self, name: str) -> Chosen:
        """The same without one of them."""
        return replace(self, **{name: ""})


def _clean(text: str) -> str:
    """Text that can be asked for; anything else is nothing."""
    text = text.strip()[:_LONGEST]
    is_text = "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
    return text if is_text else ""


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    # What the clock of no zone can carry over the edge.
    return found if 1970 <= found.year <= 9000 else None


def _begins(day: date, zone: ZoneInfo) -> int:
    return to_micros(datetime.combine(day, time(), zone))
