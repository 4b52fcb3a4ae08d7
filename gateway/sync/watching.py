"""Watching: looks at every channel once a minute, and tells people what is wrong and what is over.

It shares a queue with reading, not with what customers wait for: a mail server may be slow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import structlog
from sqlalchemy import select

from gateway.clock import to_micros
from gateway.conversations import claims
from gateway.errors import Again
from gateway.signs import MINUTE_US, Notice, NoticeEvent, Signs, SinkName
from gateway.store import Transaction
from gateway.store.models import Claim
from gateway.sync import directory
from gateway.watch import alerts, answers, gathering, heard, sightings
from gateway.watch.looking import Watched
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

CLAIM = "watch"
LOOK = "look"
# Who wakes us comes every half minute: the second time after a look it is free again.
PERIOD_S = 55.0
# Looking takes no more than this of each minute: it shares a process with reading.
_LOOKING_S = 20.0
_TELLING_S = 120.0
_MOST_AT_ONCE = 50
_ASK_AGAIN_AFTER_US = 5 * MINUTE_US


class Watching:
    """The look, whose claim is its timer, and one piece of work for each way to tell people."""

    kind = "watch"
    threads = 2

    def __init__(self, parts: Parts, *, lag_s: float = heard.LAG_S) -> None:
        self._parts = parts
        self._database = parts.database
        self._lag_s = lag_s

    def due(self, limit: int) -> Sequence[str]:
        """The look if its minute is over, and ways to tell people that something is owed to."""
        if not self._parts.channels:
            return []
        with self._database.read() as db:
            held = set(
                db.scalars(
                    select(Claim.key).where(
                        Claim.kind == CLAIM, Claim.until > self._database.now(db)
                    )
                )
            )
            owed = [
                name
                for name in self._parts.sinks
                if name not in held and alerts.owed(db, name, self._now(), 1)
            ]
        return ([LOOK] if LOOK not in held else [])[:limit] + owed[:limit]

    def due_within(self, seconds: float) -> bool:
        """Nothing is that urgent: the scheduler comes again."""
        return False

    def do(self, key: str) -> None:
        """Look, or tell."""
        lease_s = PERIOD_S if key == LOOK else _TELLING_S
        token = self._database.write(
            lambda db: claims.take(db, self._database, CLAIM, key, lease_s)
        )
        if token is None:
            return
        if key == LOOK:
            self._look()
            return
        try:
            self._tell(cast(SinkName, key))
        finally:
            self._database.write(lambda db: claims.release(db, CLAIM, key, token))

    def abandon(self, keys: Sequence[str]) -> None:
        """What was not looked at is looked at in a minute; what was not told stays owed."""

    # -- looking -----------------------------------------------------------------------------------

    def _look(self) -> None:
        heard.listen(self._database, lag_s=self._lag_s)
        ends = self._parts.clock.monotonic() + _LOOKING_S
        with self._database.read() as db:
            looked_at = alerts.looked_at(db)
        # With thousands of channels a minute is not enough: who has waited longest comes first.
        for name in sorted(self._parts.watched, key=lambda name: looked_at.get(name, 0)):
            self._look_at(name, self._parts.watched[name])
            if self._parts.clock.monotonic() >= ends:
                break
        self._database.write(self._forget)

    def _look_at(self, channel: str, watched: Watched) -> None:
        now = self._now()
        with self._database.read() as db:
            looked = watched.look(db, now)

        def take_in(db: Transaction) -> list[tuple[NoticeEvent, str]]:
            gathering.remember_failing(db, looked.signs)
            self._ask_again(db, looked.signs)
            return alerts.take_in(db, channel, looked.findings, list(self._parts.sinks), now)

        for event, code in self._database.write(take_in):
            if event == "raised":
                log.warning("alert_raised", channel=channel, code=code)
            else:
                log.info("alert_cleared", channel=channel, code=code)

    def _ask_again(self, db: Transaction, signs: Signs) -> None:
        """Have the channel asked at once where what is known of it cannot be all."""
        stopped = signs.running is not None and signs.running.trouble is not None
        asked = sightings.find(db, signs.channel).get(gathering.DIRECTORY)
        long_ago = asked is not None and signs.now - asked.at > _ASK_AGAIN_AFTER_US
        unexplained = stopped and signs.trouble is None and long_ago
        if unexplained or gathering.seat_changed(signs, asked):
            directory.ask_at_once(db, signs.channel, signs.now)

    def _forget(self, db: Transaction) -> None:
        now = self._now()
        answers.forget_minutes(db, now)
        heard.forget_hours(db)
        alerts.forget(db, list(self._parts.channels), now)

    # -- telling -----------------------------------------------------------------------------------

    def _tell(self, name: SinkName) -> None:
        with self._database.read() as db:
            notices = alerts.owed(db, name, self._now(), _MOST_AT_ONCE)
        if not notices:
            return
        if self._parts.sinks[name].together:
            self._send(name, notices)
            return
        not_taken: set[str] = set()
        for place, notice in enumerate(notices):
            if notice.alert_id in not_taken:
                continue  # of one alert nothing before what came before it
            trouble = self._send(name, [notice], and_all=notices[place:])
            if trouble is not None:
                not_taken.add(notice.alert_id)
                if "status" not in trouble.details:
                    return  # nobody is there

    def _send(
        self, name: SinkName, notices: Sequence[Notice], *, and_all: Sequence[Notice] = ()
    ) -> Again | None:
        """Send these; return the trouble, if any. If nobody is there, `and_all` wait, too."""
        ids = [notice.id for notice in notices]
        try:
            self._parts.sinks[name].tell(notices)
        except Again as trouble:
            if "status" not in trouble.details:
                ids = [notice.id for notice in and_all or notices]
            error = trouble.message
            left = self._database.write(lambda db: alerts.not_told(db, ids, error, self._now()))
            log.warning("notice_not_sent", sink=name, error=error, again=left)
            return trouble
        self._database.write(lambda db: alerts.told(db, ids, self._now()))
        return None

    def _now(self) -> int:
        return to_micros(self._parts.clock.now())
