"""With the database down nothing can be kept; people are told all the same, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.clock import MovableClock
from gateway.errors import Again
from gateway.signs import Notice
from gateway.sinks import Sink
from gateway.sync.outage import Outage


class Kept:
    """A sink that keeps what it is told, unless it fails."""

    together = True

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.fails = False

    def tell(self, notices: Sequence[Notice]) -> None:
        if self.fails:
            raise Again("no")
        self.notices += notices


def test_a_minute_without_the_database_is_told_once_and_so_is_its_end() -> None:
    clock = MovableClock(datetime(2026, 11, 22, 3, 0, tzinfo=UTC))
    mail, hook = Kept(), Kept()
    sinks: dict[str, Sink] = {"email": mail, "webhook": hook}
    outage = Outage(sinks, clock)  # type: ignore[arg-type]

    def away(seconds: int) -> None:
        for _ in range(seconds):
            outage.is_away()
            clock.advance(1)

    away(59)
    outage.is_back()
    assert mail.notices == []
    away(30)  # another one: the minute begins anew
    hook.fails = True
    away(600)
    (told,) = mail.notices
    assert (told.event, told.code, told.channel) == ("raised", "database", "")
    assert "the database does not answer" in told.what
    assert "drops them" in told.what
    hook.fails = False
    away(61)
    assert [notice.event for notice in hook.notices] == ["raised"]
    outage.is_back()
    outage.is_back()
    for sink in (mail, hook):
        assert [notice.event for notice in sink.notices] == ["raised", "cleared"]
        assert len({notice.alert_id for notice in sink.notices}) == 1
        assert sink.notices[1].cleared_at == sink.notices[1].since + 691_000_000
    away(30)
    outage.is_back()
    assert len(mail.notices) == 2


def test_its_end_is_told_when_that_can_be() -> None:
    clock = MovableClock(datetime(2026, 11, 22, 3, 0, tzinfo=UTC))
    mail = Kept()
    outage = Outage({"email": mail}, clock)
    outage.is_away()
    clock.advance(61)
    outage.is_away()
    mail.fails = True
    outage.is_back()
    mail.fails = False
    clock.advance(61)
    outage.is_back()
    assert [notice.event for notice in mail.notices] == ["raised", "cleared"]


def test_with_nobody_to_tell_nothing_happens() -> None:
    clock = MovableClock(datetime(2026, 11, 22, 3, 0, tzinfo=UTC))
    outage = Outage({}, clock)
    outage.is_away()
    clock.advance(100)
    outage.is_away()
    outage.is_back()
