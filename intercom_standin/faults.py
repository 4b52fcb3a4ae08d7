"""What shall go wrong: faults asked for, and hooks for tests that drive races.

Faults of notifications (`where` is a topic or "any"):
    drop            never posted
    duplicate       posted twice, the same `notif_` id
    reorder         manual: put in front of what is pending; auto: held back `seconds` (0.3)
    delay           posted `seconds` later (manual: put behind all, no clock involved)
    stale_assignee  item-level assignee as it was before the last change (also for REST reads)
Faults of REST calls (`where` is a call's kind, "any", or "effect" for all that change something):
    rate_limited, server_error, unavailable   429, 500, 503 and nothing happens
    server_error_after                        it happens, the answer is 500
    slow                                      answered `seconds` later
    timeout_before      nothing happens; silence for `seconds`, then the connection is dropped
    timeout_after       it happens; silence for `seconds`, then the connection is dropped
    late_effect         the connection is dropped at once; it happens `seconds` later, or with
                        seconds=0 when `release_late()` is called
    contact_merged      the contact that is read has just been merged into a new one
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from intercom_standin.gate import Call

NOTIFICATION_FAULTS = frozenset({"drop", "duplicate", "reorder", "delay", "stale_assignee"})
REST_FAULTS = frozenset(
    {
        "rate_limited",
        "server_error",
        "unavailable",
        "server_error_after",
        "slow",
        "timeout_before",
        "timeout_after",
        "late_effect",
        "stale_assignee",
        "contact_merged",
    }
)

Hook = Callable[["Call"], None]


@dataclass(kw_only=True)
class Fault:
    """One kind of trouble: where, how often at most, how likely each time, how long."""

    kind: str
    where: str = "any"
    count: int | None = 1
    probability: float = 1.0
    seconds: float = 0.0
    used: int = 0

    @property
    def spent(self) -> bool:
        """Whether it has happened as often as it may."""
        return self.count is not None and self.used >= self.count


@dataclass
class Hooks:
    """Called on the request's own thread, outside the lock; they may block on a barrier."""

    before_effect: Hook | None = None
    after_effect: Hook | None = None
    before_read: Hook | None = None
    after_read: Hook | None = None


@dataclass
class Faults:
    """The faults in force, drawn from a seeded generator."""

    seed: int = 0
    hooks: Hooks = field(default_factory=Hooks)
    history: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(self.seed)
        self._faults: list[Fault] = []
        self._late: list[Callable[[], None]] = []

    def add(
        self,
        kind: str,
        *,
        where: str = "any",
        count: int | None = 1,
        probability: float = 1.0,
        seconds: float = 0.0,
    ) -> Fault:
        """Ask for trouble the next `count` times (None: always). Raises ValueError."""
        if kind not in NOTIFICATION_FAULTS | REST_FAULTS:
            raise ValueError(f"no such fault: {kind}")
        if not 0 <= probability <= 1 or seconds < 0 or (count is not None and count < 1):
            raise ValueError("probability is 0 to 1, seconds at least 0, count at least 1")
        fault = Fault(kind=kind, where=where, count=count, probability=probability, seconds=seconds)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Let everything go well again; late effects not yet released are forgotten."""
        with self._lock:
            self._faults.clear()
            self._late.clear()

    def active(self) -> list[Fault]:
        """Return the faults that can still happen."""
        with self._lock:
            return [fault for fault in self._faults if not fault.spent]

    def reseed(self, seed: int) -> None:
        """Start the random sequence again."""
        with self._lock:
            self._random.seed(seed)

    def draw(self, kind: str, *places: str) -> Fault | None:
        """Return a fault of this kind if it strikes now at one of these places, and count it."""
        with self._lock:
            for fault in self._faults:
                if fault.kind != kind or fault.spent:
                    continue
                if fault.where != "any" and fault.where not in places:
                    continue
                if fault.probability < 1 and self._random.random() >= fault.probability:
                    continue
                fault.used += 1
                self.history.append((kind, places[0] if places else ""))
                return fault
        return None

    def keep_late(self, effect: Callable[[], None]) -> None:
        """Keep an effect until `release_late`."""
        with self._lock:
            self._late.append(effect)

    def release_late(self) -> int:
        """Let the effects kept back happen now; return how many they were."""
        with self._lock:
            late, self._late = self._late, []
        for effect in late:
            effect()
        return len(late)
