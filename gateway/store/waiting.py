"""How psycopg waits for PostgreSQL in a process whose threads are gevent's.

Each time that psycopg might have to wait it asks the event loop, which costs 50 µs (psycopg 3.3,
gevent 26.9, November 2026) even where there is nothing to wait for: a socket that is written to is
nearly always ready. So the socket is looked at first, and only who must wait lets others run.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Generator
from functools import cache
from typing import Any, TypeVar

from psycopg import waiting

T = TypeVar("T")

_EVENTS = {waiting.WAIT_R: select.POLLIN, waiting.WAIT_W: select.POLLOUT}
_EVENTS[waiting.WAIT_RW] = select.POLLIN | select.POLLOUT


@cache
def look_before_waiting() -> None:
    """Let psycopg look first; nothing in a process without gevent, where it waits in C."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("select"):
        return
    poll = monkey.get_original("select", "poll")
    waits = waiting.wait

    def wait(gen: Generator[Any, Any, T], fileno: int, *args: Any, **options: Any) -> T:
        return waits(_eager(gen, fileno, poll()), fileno, *args, **options)

    waiting.wait = wait


def _eager(gen: Generator[Any, Any, T], fileno: int, poll: Any) -> Generator[Any, Any, T]:
    """Answer what `gen` asks about its socket, and pass on only what cannot be answered now."""
    try:
        wanted = next(gen)
        while True:
            poll.register(fileno, _EVENTS[wanted])
            found = poll.poll(0)
            ready = 0
            for _, events in found:
                ready |= waiting.READY_R if events & select.POLLIN else 0
                ready |= waiting.READY_W if events & select.POLLOUT else 0
            wanted = gen.send(ready or (yield wanted))
    except StopIteration as done:
        result: T = done.value
        return result
