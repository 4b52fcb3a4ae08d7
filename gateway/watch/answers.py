"""What notifications are answered and how fast, counted by the minute by all web processes.

The request only appends to a list in memory. A thread of the process (under gunicorn a greenlet)
keeps the sums in the database every few seconds; it starts with the first answer, since web
processes are forked. While the database is away it goes on counting, and keeps all of it later.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, case, delete, func, select

from gateway.clock import to_micros
from gateway.errors import GatewayError
from gateway.signs import DAY_US, HOUR_US, MINUTE_US, Answers, Failing
from gateway.store import Database, Transaction
from gateway.store.models import AnswerMinute
from gateway.store.sql import dialect_of, insert_into

log = structlog.get_logger(__name__)

# Intercom's bounds, and good ones for any channel.
IN_TIME_S = 0.5
LATE_S = 5.0

FLUSH_S = 5.0
KEPT_US = 8 * DAY_US
STREAK_US = 15 * MINUTE_US
_MOST_UNCOUNTED = 200_000
_MOST_MINUTES = 1_500

_COUNTERS = ("in_time", "slow", "late", "refused", "unreadable", "failed")

Observation = tuple[str, datetime, int, float]


@dataclass(slots=True)
class _Minute:
    counts: dict[str, int]
    longest_us: int = 0
    good_at: int | None = None
    bad_at: int | None = None


class AnswerCounter:
    """Counts one process's answers, timed by `timer`.

    `every_s` 0: nothing is kept until `flush` is called.
    """

    def __init__(
        self,
        database: Database,
        *,
        every_s: float = FLUSH_S,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.timer = timer
        self._database = database
        self._now = database.clock.now
        self._every_s = every_s
        self._uncounted: deque[Observation] = deque(maxlen=_MOST_UNCOUNTED)
        self._minutes: dict[tuple[str, int], _Minute] = {}
        self._flushing = threading.Lock()
        self._starting = threading.Lock()
        self._flusher: threading.Thread | None = None
        self._in_trouble = False

    def note(self, channel: str, status: int, seconds: float) -> None:
        """One notification was answered. Costs the request under a microsecond."""
        self._uncounted.append((channel, self._now(), status, seconds))
        if self._flusher is None and self._every_s:
            self._start()

    def flush(self) -> bool:
        """Keep what was counted; False if the database would not take it, which is for later."""
        with self._flushing:
            self._add_up()
            if not self._minutes:
                return True
            try:
                self._database.write(self._keep)
            except Exception as error:  # whatever it is, the counting goes on
                if not self._in_trouble:
                    log.warning(
                        "answers_not_kept", error=type(error).__name__,
                        exc_info=not isinstance(error, GatewayError),
                    )  # fmt: skip
                self._in_trouble = True
                return False
            self._in_trouble = False
            self._minutes.clear()
            return True

    def _start(self) -> None:
        with self._starting:
            if self._flusher is None:
                # It does not keep alive what it serves: it ends with it.
                self._flusher = threading.Thread(
                    target=_flush_on, args=(weakref.ref(self), self._every_s),
                    name="answers", daemon=True,
                )  # fmt: skip
                self._flusher.start()

    def _add_up(self) -> None:
        while self._uncounted:
            channel, at, status, seconds = self._uncounted.popleft()
            micros = to_micros(at)
            key = (channel, micros - micros % MINUTE_US)
            minute = self._minutes.get(key)
            if minute is None:
                if len(self._minutes) >= _MOST_MINUTES:
                    del self._minutes[next(iter(self._minutes))]
                minute = self._minutes[key] = _Minute(dict.fromkeys(_COUNTERS, 0))
            kind = _kind(status, seconds)
            minute.counts[kind] += 1
            minute.longest_us = max(minute.longest_us, int(seconds * 1e6))
            if kind in ("in_time", "slow"):
                minute.good_at = micros
            else:
                minute.bad_at = micros

    def _keep(self, db: Transaction) -> None:
        sql = dialect_of(db)
        # In one order everywhere: two processes never wait for each other in a circle.
        for (channel, at), minute in sorted(self._minutes.items()):
            row = insert_into(db, AnswerMinute).values(
                channel=channel, minute=at, **minute.counts,
                longest_us=minute.longest_us, good_at=minute.good_at, bad_at=minute.bad_at,
            )  # fmt: skip
            told = row.excluded
            sums = {name: getattr(AnswerMinute, name) + told[name] for name in _COUNTERS}
            newest = {
                name: sql.greatest(
                    func.coalesce(getattr(AnswerMinute, name), 0), func.coalesce(told[name], 0)
                )
                for name in ("good_at", "bad_at")
            }
            db.execute(
                row.on_conflict_do_update(
                    index_elements=[AnswerMinute.channel, AnswerMinute.minute],
                    set_={
                        **sums,
                        **{name: func.nullif(value, 0) for name, value in newest.items()},
                        "longest_us": sql.greatest(AnswerMinute.longest_us, told.longest_us),
                    },
                )
            )


def _flush_on(counter: weakref.ref[AnswerCounter], every_s: float) -> None:
    pause = threading.Event()
    while True:
        pause.wait(every_s)
        it = counter()
        if it is None:
            return
        it.flush()
        del it


def _kind(status: int, seconds: float) -> str:
    if status == 401:
        return "refused"
    if status >= 500:
        return "failed"
    if not 200 <= status < 300:
        return "unreadable"
    if seconds >= LATE_S:
        return "late"
    return "slow" if seconds >= IN_TIME_S else "in_time"


# -- what was counted ------------------------------------------------------------------------------


def last_hour(db: Transaction, channel: str, now: int) -> Answers:
    """What was answered within the hour."""
    return _summed(db, channel, now - HOUR_US)


def in_a_row(db: Transaction, channel: str, now: int) -> Answers:
    """The errors of the last 15 minutes, after the last answer that was well."""
    good_at = last_good(db, channel)
    return _summed(db, channel, max(now - STREAK_US, (good_at or 0) + 1))


def failing(db: Transaction, channel: str) -> Failing | None:
    """Since when every answer was an error; None if the last one was well.

    Minutes are kept for 8 days: who asks once a minute remembers an earlier beginning.
    """
    after = (last_good(db, channel) or 0) + 1
    row = db.execute(
        select(
            func.min(
                case((AnswerMinute.minute < after, AnswerMinute.bad_at), else_=AnswerMinute.minute)
            ).label("since"),
            func.max(AnswerMinute.bad_at).label("last_at"),
            func.sum(_errors()).label("errors"),
        ).where(AnswerMinute.channel == channel, AnswerMinute.bad_at >= after)
    ).one()
    if row.since is None:
        return None
    return Failing(since=int(row.since), last_at=int(row.last_at), errors=int(row.errors))


def forget_minutes(db: Transaction, now: int) -> None:
    """Drop minutes of more than 8 days ago."""
    db.execute(delete(AnswerMinute).where(AnswerMinute.minute < now - KEPT_US))


def last_good(db: Transaction, channel: str) -> int | None:
    """When a notification was last answered well, within the minutes that are kept."""
    return db.scalar(select(func.max(AnswerMinute.good_at)).where(AnswerMinute.channel == channel))


def _errors() -> ColumnElement[int]:
    return AnswerMinute.late + AnswerMinute.refused + AnswerMinute.unreadable + AnswerMinute.failed


def _summed(db: Transaction, channel: str, after: int) -> Answers:
    """Sum the minutes that began at `after` or later. The one in which it lies is not in it."""
    columns = [func.sum(getattr(AnswerMinute, name)).label(name) for name in _COUNTERS]
    row = db.execute(
        select(*columns, func.max(AnswerMinute.longest_us).label("longest_us")).where(
            AnswerMinute.channel == channel, AnswerMinute.minute >= after
        )
    ).one()
    return Answers(**{name: int(value or 0) for name, value in row._mapping.items()})
