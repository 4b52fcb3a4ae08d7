"""However the channel cuts its windows, none of them ever sees more calls than it allows."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace

import limits.storage.memory
import pytest

from gateway.clock import MovableClock
from gateway.errors import Again
from gateway.quota import Allowance, Quota

WINDOW_S = 10
HOUR_S = 3600.0


@dataclass(kw_only=True)
class Channel:
    """Counts what arrives in windows that are aligned to its own clock."""

    limit: int
    ahead_s: float
    deaf: bool
    arrived: Counter[int] = field(default_factory=Counter)
    # Calls on their way there, with the time of arrival; and answers on their way back.
    coming: list[float] = field(default_factory=list)
    answers: list[tuple[float, int, int, float]] = field(default_factory=list)

    def go_on(self, until: float, quota: Quota, patience: random.Random) -> None:
        """Let everything arrive that does before `until`, and everything be heard."""
        while self.coming and self.coming[0] <= until:
            at = heapq.heappop(self.coming)
            window = int((at + self.ahead_s) // WINDOW_S)
            self.arrived[window] += 1
            end = (window + 1) * WINDOW_S
            back = at + patience.uniform(0, 0.5)
            remaining = max(self.limit - self.arrived[window], 0)
            heapq.heappush(self.answers, (back, remaining, end, end - at - self.ahead_s))
        while self.answers and self.answers[0][0] <= until:
            _, remaining, end, ends_in_s = heapq.heappop(self.answers)
            if self.deaf:
                continue
            quota.learn(
                limit=self.limit, remaining=remaining, window=float(end), ends_in_s=ends_in_s
            )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovableClock:
    """The quota's clock and, through its storage's own module, that of `limits`."""
    moved = MovableClock(datetime(2026, 11, 22, 16, 8, tzinfo=UTC))
    time = SimpleNamespace(time=lambda: moved.now().timestamp())
    monkeypatch.setattr(limits.storage.memory, "time", time)
    return moved


def play(
    seed: int, limit: int, clock: MovableClock, *, seconds: float, greedy: bool, deaf: bool = False
) -> tuple[Channel, Counter[str]]:
    """Send at random, each call taking up to a second to arrive; return what came of it.

    `deaf`: no answer is heard, as if other processes had got them.
    """
    chance = random.Random(seed)
    quota = Quota(None, "acme", allowance=Allowance(calls=limit, window_s=WINDOW_S), clock=clock)
    channel = Channel(limit=limit, ahead_s=chance.uniform(0, 10), deaf=deaf)
    counted: Counter[str] = Counter()
    waits: list[float] = []
    while clock.monotonic() < seconds:
        clock.advance(chance.choice([0.001, 0.05, 0.3]) if greedy else chance.expovariate(0.5))
        channel.go_on(clock.monotonic(), quota, chance)
        background = chance.random() < 0.5
        for _ in range(chance.randint(1, 2 * limit)):
            try:
                quota.admit(background=background)
            except Again as again:
                waits.append(again.after_s or 0)
                break
            counted["background" if background else "urgent"] += 1
            heapq.heappush(channel.coming, clock.monotonic() + chance.uniform(0, 1))
    channel.go_on(clock.monotonic() + 2, quota, chance)
    assert all(0 < wait <= WINDOW_S + 1 for wait in waits)
    counted["refused"] = len(waits)
    return channel, counted


@pytest.mark.parametrize("deaf", [False, True])
@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_no_window_is_ever_exceeded(
    clock: MovableClock, seed: int, greedy: bool, deaf: bool
) -> None:
    limit = random.Random(seed).choice([1, 2, 7, 20, 83, 167])
    channel, counted = play(seed, limit, clock, seconds=HOUR_S / 6, greedy=greedy, deaf=deaf)
    assert max(channel.arrived.values()) <= limit
    assert counted["refused"]
    assert channel.arrived.total() == counted["background"] + counted["urgent"]


def test_an_hour_of_calling_as_fast_as_may_be(clock: MovableClock) -> None:
    channel, counted = play(99, 40, clock, seconds=HOUR_S, greedy=True)
    assert max(channel.arrived.values()) <= 40
    windows = HOUR_S / WINDOW_S
    assert counted["urgent"] + counted["background"] > 0.75 * 40 * windows, "too timid to be of use"
    assert counted["background"] <= 0.6 * 40 * (windows + 1)
