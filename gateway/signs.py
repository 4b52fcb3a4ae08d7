"""What can be seen of a channel's health, and what is found in it: words that judges share.

Times are microseconds since 1970, durations of settings in seconds. Nothing here is a channel's own
rule: those are in `channels/`, and what holds for every channel is in `watch/judging.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: `ok` or what is wrong, and what to do about it.

    `code` is its stable name; one without a code is told by `gateway doctor` only. `since` is when
    it began, where the judge knows better than that it was not there before.
    """

    ok: bool
    what: str
    do: str = ""
    code: str = ""
    since: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What notifications were answered over some time, and the slowest of them."""

    in_time: int = 0
    slow: int = 0
    late: int = 0
    refused: int = 0
    unreadable: int = 0
    failed: int = 0
    longest_us: int = 0

    @property
    def kept(self) -> int:
        """Those that were kept, however late."""
        return self.in_time + self.slow + self.late

    @property
    def errors(self) -> int:
        """Those that the channel counts as errors; too late is one, too."""
        return self.late + self.refused + self.unreadable + self.failed

    @property
    def all(self) -> int:
        """All of them."""
        return self.kept + self.refused + self.unreadable + self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """No notification was answered well between `since` and `last_at`; `errors` counts them."""

    since: int
    last_at: int
    errors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """When notifications of a topic came first and last, and how many."""

    first_at: int
    last_at: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Since when nothing was heard, and what usually comes in such a stretch.

    `minutes` are those in which something usually comes: a burst counts once, so they tell chance
    from silence. Both are None where too little is known to say.
    """

    since: int
    notifications: float | None = None
    minutes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """The AI's seat in the channel; what was not told is None."""

    id: str | None
    name: str | None = None
    away: bool | None = None
    reassigns: bool | None = None
    removed: bool = False
    listed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why the channel could not be asked; `status` is its answer's, where it gave one."""

    message: str
    status: int | None
    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One pass over what the channel changed after `since` (`reconciliations`)."""

    since: int
    began_at: int
    ended_at: int | None
    found: int = 0
    doubted: int = 0
    read: int = 0
    repaired: int = 0
    gone: int = 0
    lost: int = 0
    drift: Mapping[str, int] = field(default_factory=dict)
    marks: Mapping[str, int] = field(default_factory=dict)
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Things that wait for somebody: how many, and the oldest of them."""

    count: int = 0
    since: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """Everything that is known about the health of one channel's installation.

    `known_since`: the installation was first heard of then. `passes` are those that ended in the
    last 7 days, the newest first, `running` the one that has not ended. `up_to_date` is False while
    `topics` and `silence` lag behind what has come. `paused`: why nothing is asked of it.
    """

    channel: str
    now: int
    address: str
    known_since: int | None = None
    up_to_date: bool = True
    topics: Mapping[str, Topic] = field(default_factory=dict)
    silence: Silence | None = None
    usual_per_hour: float | None = None
    last_hour: Answers = Answers()
    in_a_row: Answers = Answers()
    failing: Failing | None = None
    seat: Seat | None = None
    skew_s: float | None = None
    trouble: Trouble | None = None
    token_of: str | None = None
    pinned: str | None = None
    reconcile_every_s: float = 0.0
    passes: Sequence[Pass] = ()
    running: Pass | None = None
    failed_deliveries: Waiting = Waiting()
    held: Waiting = Waiting()
    paused: str | None = None

    @property
    def heard(self) -> int:
        """How many notifications have come in all."""
        return sum(topic.count for topic in self.topics.values())

    def since_then(self, ago_us: int) -> list[Pass]:
        """The passes that ended within this time, the newest first."""
        return [one for one in self.passes if (one.ended_at or 0) >= self.now - ago_us]


SinkName = Literal["email", "webhook"]
NoticeEvent = Literal["raised", "reminded", "cleared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Word of an alert: that it was raised, still stands, or is over."""

    id: str
    event: NoticeEvent
    alert_id: str
    channel: str
    code: str
    what: str
    do: str
    since: int
    raised_at: int
    cleared_at: int | None = None


Judge = Callable[[Signs], Sequence[Finding]]
"""A channel's own rules, applied to what is known of it."""


def summed(counters: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Add counters up by name."""
    total: dict[str, int] = {}
    for counter in counters:
        for name, count in counter.items():
            total[name] = total.get(name, 0) + count
    return total


def lasting(micros: int) -> str:
    """A duration as people say it: `40 s`, `25 min`, `3 h 10 min`, `2 d 4 h`."""
    minutes = max(0, micros) // MINUTE_US
    if minutes < 2:
        return f"{max(0, micros) // 1_000_000} s"
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    days, hours = divmod(hours, 24)
    if not days:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{days} d {hours} h" if hours else f"{days} d"


def counted(count: float, word: str, several: str = "") -> str:
    """A number with its word: `1 message`, `1,200 messages`."""
    rounded = round(count)
    return f"{rounded:,} {word if rounded == 1 else several or word + 's'}"
