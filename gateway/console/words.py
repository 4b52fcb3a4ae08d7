"""How templates say things: times in the workspace's zone, initials, numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from gateway.clock import Clock
from gateway.reading.names import CUSTOMER

_TINTS = 8


def filters(zone: ZoneInfo, clock: Clock) -> Mapping[str, Callable[..., Any]]:
    """The filters of every template, by name."""
    said = Times(zone, clock)
    return {
        "moment": said.moment,
        "ago": said.ago,
        "day": said.day,
        "clock": said.clock,
        "utc": utc,
        "size": size,
        "outside": outside,
        "delivery_details": delivery_details,
        "initials": initials,
        "tint": tint,
        "count": count,
        "called": called,
        "breakable": breakable,
    }


class Times:
    """Says times in a zone: `<time>` with the exact moment in UTC on hover.

    Times come as the API tells them (ISO 8601), as datetimes, or in µs since 1970.
    """

    def __init__(self, zone: ZoneInfo, clock: Clock) -> None:
        self._zone = zone
        self._clock = clock

    def moment(self, at: str | int | datetime | None) -> Markup:
        """`22 Nov 2026, 16:08`."""
        found = _read(at)
        return Markup() if found is None else _time(found, self._written(found))

    def ago(self, at: str | int | datetime | None) -> Markup:
        """`5 min ago`, `3 h ago`, `Mon, 16:08`; the browser keeps it true (`data-ago`)."""
        found = _read(at)
        if found is None:
            return Markup()
        here, now = found.astimezone(self._zone), self._clock.now().astimezone(self._zone)
        seconds = (now - here).total_seconds()
        if seconds < 60:
            text = "just now"
        elif seconds < 3_600:
            text = f"{int(seconds // 60)} min ago"
        elif seconds < 86_400:
            text = f"{int(seconds // 3_600)} h ago"
        else:
            text = self._written(found)
        return _time(found, text, f"{self._written(found)} · ", Markup(" data-ago"))

    def clock(self, at: str | int | datetime | None) -> Markup:
        """`16:08`, for what stands under its day."""
        found = _read(at)
        if found is None:
            return Markup()
        here = found.astimezone(self._zone)
        return _time(found, f"{here:%H:%M}", f"{self._written(found)} · ")

    def day(self, at: str | int | datetime | None) -> str:
        """`22 Nov 2026`."""
        found = _read(at)
        return "" if found is None else _day(found.astimezone(self._zone))

    def _written(self, at: datetime) -> str:
        here = at.astimezone(self._zone)
        return f"{_day(here)}, {here:%H:%M}"


def initials(name: str | None) -> str:
    """Up to two letters that stand for a name: `Ann Lee` is AL, `ann@acme.test` is A."""
    words = [word for word in (name or "").split() if word[0].isalnum()]
    if not words:
        return "?"
    letters = words[0][0] + (words[-1][0] if len(words) > 1 else "")
    return letters.upper()


def tint(id: str | None) -> int:
    """Which of the colours somebody's initials stand on: the same on every page."""
    return sum((id or "").encode()) % _TINTS


def count(number: int) -> str:
    """`12,345`."""
    return f"{number:,}"


def called(who: Mapping[str, Any] | None) -> str:
    """What a customer is called, whatever is known of them: one word for those who are nameless."""
    for detail in ("name", "email", "phone", "external_id"):
        if who and who.get(detail):
            return str(who[detail])
    return CUSTOMER


def breakable(name: str) -> Markup:
    """A name of parts (`operator.password_set`) that may be broken after each of them."""
    parts = re.split(r"(?<=[._/-])", name)
    return Markup("<wbr>").join(escape(part) for part in parts)


def utc(at: str | int | datetime | None) -> str:
    """`2026-11-22 16:08:00.120 UTC`."""
    found = _read(at)
    if found is None:
        return ""
    exact = found.astimezone(UTC)
    return f"{exact:%Y-%m-%d %H:%M:%S}.{exact.microsecond // 1_000:03d} UTC"


def size(bytes_: int | None) -> str:
    """`48 kB`, `1.2 MB`."""
    if bytes_ is None:
        return ""
    if bytes_ < 1_000:
        return f"{bytes_} B"
    if bytes_ < 1_000_000:
        return f"{round(bytes_ / 1_000)} kB"
    return f"{bytes_ / 1_000_000:.1f} MB"


def outside(address: str | None) -> str:
    """An address that may be followed: on the web, or below ours; `#` for any other."""
    text = (address or "").strip()
    below = text.startswith("/") and not text.startswith(("//", "/\\"))
    return text if below or text.lower().startswith(("https://", "http://")) else "#"


def delivery_details(way: Mapping[str, Any]) -> str:
    """How far words of ours are on their way to the channel, in a sentence."""
    said = {
        "owed": "Waits to be sent",
        "sending": "On its way to the channel",
        "unknown": "The channel did not say whether it got this; it is being read back",
        "sent": "The channel has it",
        "failed": "The channel did not take it",
        "cancelled": "Not sent: a person took over first",
    }.get(way["state"], way["state"])
    tries = way.get("attempts") or 0
    details = [said, f"{tries} {'attempt' if tries == 1 else 'attempts'}" if tries else ""]
    return " · ".join([one for one in [*details, way.get("error") or ""] if one])


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b %Y}"


def _time(at: datetime, text: str, before: str = "", more: Markup = Markup()) -> Markup:
    iso = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    title = f"{before}{utc(at)}"
    return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(
        iso, title, more, escape(text)
    )


def _read(at: str | int | datetime | None) -> datetime | None:
    if at is None or at == "":
        return None
    if isinstance(at, datetime):
        return at
    if isinstance(at, int):
        return datetime.fromtimestamp(at / 1e6, UTC)
    return datetime.fromisoformat(at)
