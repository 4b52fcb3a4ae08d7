"""When the database is down nothing can be kept, not even an alert: people are told directly."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from gateway.clock import Clock, to_micros
from gateway.errors import Again
from gateway.signs import Notice, NoticeEvent, SinkName
from gateway.sinks import Sink
from gateway.store import new_id

log = structlog.get_logger(__name__)

AFTER_S = 60.0
_AGAIN_AFTER_S = 60.0
CODE = "database"
WHAT = (
    "the database does not answer, so notifications are refused; a channel such as Intercom tries "
    "once more after a minute and then drops them"
)
DO = "bring it back (`gateway doctor` says what it answers); reconciling then fetches what was lost"


class Outage:
    """Tells each sink once that the database is away, and once that it is back."""

    def __init__(self, sinks: Mapping[SinkName, Sink], clock: Clock) -> None:
        self._sinks = sinks
        self._clock = clock
        self._alert_id = ""
        self._began: tuple[float, int] | None = None
        self._told: set[SinkName] = set()
        self._not_before = 0.0

    def is_away(self) -> None:
        """The database did not answer just now."""
        if self._began is None:
            self._began = (self._clock.monotonic(), to_micros(self._clock.now()))
            self._alert_id = new_id("alr")
        now = self._clock.monotonic()
        if now - self._began[0] >= AFTER_S and now >= self._not_before:
            self._told |= self._tell("raised", set(self._sinks) - self._told)

    def is_back(self) -> None:
        """The database answered."""
        if self._began is None:
            return
        if self._told and self._clock.monotonic() >= self._not_before:
            self._told -= self._tell("cleared", self._told)
        if not self._told:
            self._began = None
            self._not_before = 0.0

    def _tell(self, event: NoticeEvent, names: set[SinkName]) -> set[SinkName]:
        assert self._began is not None
        now = to_micros(self._clock.now())
        notice = Notice(
            id=new_id("ntc"), event=event, alert_id=self._alert_id, channel="", code=CODE,
            what=WHAT, do=DO, since=self._began[1], raised_at=self._began[1] + int(AFTER_S * 1e6),
            cleared_at=now if event == "cleared" else None,
        )  # fmt: skip
        reached: set[SinkName] = set()
        for name in sorted(names):
            try:
                self._sinks[name].tell([notice])
            except Again as trouble:
                log.warning("notice_not_sent", sink=name, error=trouble.message, again=True)
                self._not_before = self._clock.monotonic() + _AGAIN_AFTER_S
            else:
                reached.add(name)
        return reached
