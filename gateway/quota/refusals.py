"""Who is told no again and again is told more and more slowly, so that others are served meanwhile.

Most who send in a crowd send the next request when the last one is answered. So a no that waits a
moment, which costs nothing, keeps away the next one, which would cost something.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

EACH_S = 0.05
"""One network is told no once in so many seconds, ..."""
ALL_S = 0.005
"""... and all of them together once in so many seconds, ..."""
SAVED_S = 1.0
"""... or as often at once as it was not in the last second: a few are told at once."""
LONGEST_S = 1.0
"""A line is no longer than that; whoever comes when it is waits for so long, ..."""
SPREAD_S = 1.0
"""... and for up to so much more, evenly: those who were told no at once would come at once."""
MOST_WAITING = 1_000
"""If so many wait, the next ones are told at once: each of them is a connection."""

_MOST_KNOWN = 10_000
_GOLDEN = 0.6180339887


class Refusals:
    """Tells how long a refusal has to wait. Threads share it; each process has its own."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` is monotonic, in seconds."""
        self._now = now
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}
        self._next_of_all = 0.0
        self._waiting = 0
        self._spread = 0.0

    def wait(self, network: str) -> None:
        """Wait until it is this network's turn to be told."""
        wait_s = self._turn(network)
        if wait_s <= 0:
            return
        try:
            # Nobody sets it: waiting for it is waiting, in a way that lets others go on.
            threading.Event().wait(wait_s)
        finally:
            with self._lock:
                self._waiting -= 1

    def aside(self, network: str) -> float:
        """Seconds for which nothing new from there need be read: its line is as long as it gets.

        Takes no turn. So of what a network sends on new connections as much is read as is told no.
        """
        with self._lock:
            if self._next.get(network, 0.0) - self._now() < LONGEST_S - EACH_S:
                return 0.0
            return LONGEST_S + self._some_more()

    def _turn(self, network: str) -> float:
        """Take the next turn; seconds until it comes, 0 for none."""
        with self._lock:
            now = self._now()
            if self._waiting >= MOST_WAITING:
                return 0.0
            latest = now + LONGEST_S
            mine = min(max(self._next.get(network, 0.0), now - SAVED_S) + EACH_S, latest)
            of_all = min(max(self._next_of_all, now - SAVED_S) + ALL_S, latest)
            if len(self._next) >= _MOST_KNOWN:
                self._next = {one: at for one, at in self._next.items() if at > now}
                if len(self._next) >= _MOST_KNOWN:
                    self._next.clear()  # all of them together are still counted
            self._next[network], self._next_of_all = mine, of_all
            wait_s = max(mine, of_all) - now
            if max(mine, of_all) >= latest:
                wait_s += self._some_more()
            if wait_s > 0:
                self._waiting += 1
            return max(wait_s, 0.0)

    def _some_more(self) -> float:
        """Each time another part of `SPREAD_S`, far from the last ones."""
        self._spread = (self._spread + _GOLDEN) % 1.0
        return SPREAD_S * self._spread
