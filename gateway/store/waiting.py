"""How psycopg waits for PostgreSQL in a process whose threads are gevent's.

Its own way, patched by gevent, costs 50 to 100 µs each time that it might have to wait (psycopg
3.3, gevent 26.9, November 2026), and a socket that is written to is nearly always ready. So the
socket is looked at first, and who must wait does so with one watcher of the event loop.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Generator
from functools import cache
from typing import Any, TypeVar

from psycopg import waiting

T = TypeVar("T")

_EVENTS = {
    waiting.WAIT_R: select.POLLIN,
    waiting.WAIT_W: select.POLLOUT,
    waiting.WAIT_RW: select.POLLIN | select.POLLOUT,
}
# The event loop's names for reading and writing are psycopg's: 1 and 2.
_READ, _WRITE = int(waiting.WAIT_R), int(waiting.WAIT_W)


@cache
def wait_lightly() -> None:
    """Let psycopg wait lightly; nothing in a process without gevent, where it waits in C."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("select"):
        return
    from gevent import get_hub

    poll = monkey.get_original("select", "poll")
    heavily = waiting.wait

    def wait(
        gen: Generator[Any, Any, T], fileno: int, interval: float = 0.0, timeout: Any = None
    ) -> T:
        if timeout is not None:  # not on the way of a statement
            return heavily(gen, fileno, interval, timeout)
        return _drive(gen, fileno, poll(), get_hub())

    waiting.wait = wait


def _drive(gen: Generator[Any, Any, T], fileno: int, poll: Any, hub: Any) -> T:
    """Run psycopg's generator to its end, telling it whenever the socket is ready."""
    try:
        wanted = next(gen)
        while True:
            poll.register(fileno, _EVENTS[wanted])
            found = poll.poll(0)
            if not found:
                watcher = hub.loop.io(fileno, int(wanted))
                try:
                    hub.wait(watcher)
                finally:
                    watcher.close()
                found = poll.poll(0)
            wanted = gen.send(_ready(found))
    except StopIteration as done:
        result: T = done.value
        return result


def _ready(found: list[tuple[int, int]]) -> int:
    ready = 0
    for _, events in found:
        # A socket that broke counts as ready: trying to use it tells what happened.
        ready |= _READ if events & ~select.POLLOUT else 0
        ready |= _WRITE if events & ~select.POLLIN else 0
    return ready
