"""The gate: a crowd is let in at a pace, and whatever else is asked for goes past it."""

import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest

from gateway.streams.gate import MOST_INSIDE, Gate


class Application:
    """Takes `seconds` to answer; counts how many it serves at the same time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.served = self.most = self._now = 0
        self._lock = threading.Lock()

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(self.seconds)
        with self._lock:
            self._now -= 1
            self.served += 1
        if environ.get("fails"):
            raise ValueError
        return [b"in"]


def ask(gate: Gate, path: str = "/stream", **more: Any) -> Any:
    return gate({"PATH_INFO": path, **more}, lambda *_: lambda _: None)


def test_a_crowd_is_let_in_at_a_pace_and_a_few_at_a_time() -> None:
    application = Application(0.01)
    gate = Gate(application, "/stream", pace_s=0.02, slack_s=0.0)
    crowd = [threading.Thread(target=ask, args=(gate,)) for _ in range(20)]
    began = time.monotonic()
    for one in crowd:
        one.start()
    while application.served < 4:
        time.sleep(0.001)
    before = time.monotonic()
    ask(gate, "/other")  # passes by, whoever waits
    assert time.monotonic() - before < 0.1
    for one in crowd:
        one.join()
    assert application.served == 21
    assert application.most <= MOST_INSIDE + 1  # some of the crowd, and the one that passed by
    assert time.monotonic() - began > 19 * 0.02


def test_the_first_ones_come_in_at_once() -> None:
    application = Application(0.001)
    gate = Gate(application, "/stream", pace_s=1.0, slack_s=30.0)
    began = time.monotonic()
    for _ in range(20):
        ask(gate)
    assert time.monotonic() - began < 5


def test_what_fails_inside_leaves_the_gate_open() -> None:
    gate = Gate(Application(0.0), "/stream")
    for _ in range(MOST_INSIDE + 1):
        with pytest.raises(ValueError):  # noqa: PT011
            ask(gate, fails=True)
    assert ask(gate) == [b"in"]


def test_all_its_paths_share_one_pace() -> None:
    gate = Gate(Application(0.0), "/stream", "/other", pace_s=0.05, slack_s=0.0)
    began = time.monotonic()
    for path in ("/stream", "/other", "/stream", "/other"):
        ask(gate, path)
    assert time.monotonic() - began >= 0.15


def test_what_else_is_asked_goes_first() -> None:
    order: list[str] = []
    begun, answer = threading.Event(), threading.Event()

    def application(environ: Any, _: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/other":
            begun.set()
            assert answer.wait(10)
        order.append(environ["PATH_INFO"])
        return [b""]

    gate = Gate(application, "/stream", yields_s=10.0)
    other = threading.Thread(target=ask, args=(gate, "/other"))
    other.start()
    assert begun.wait(10)
    one = threading.Thread(target=ask, args=(gate,))
    one.start()
    one.join(0.1)
    assert order == []
    answer.set()
    one.join(10)
    other.join(10)
    assert order == ["/other", "/stream"]


def test_whoever_waits_for_others_does_not_wait_for_ever() -> None:
    answer = threading.Event()

    def application(environ: Any, _: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/other":
            assert answer.wait(10)
        return [b"in"]

    gate = Gate(application, "/stream", yields_s=0.01)
    other = threading.Thread(target=ask, args=(gate, "/other"))
    other.start()
    assert ask(gate) == [b"in"]  # an upload that takes its time, say
    answer.set()
    other.join()
