"""Hints: to this process at once, to others through Redis, and kept nowhere."""

import threading
from dataclasses import dataclass
from functools import partial

import redis
from msgspec import structs

from gateway.feed import CHANNEL, HINTS, Bell, Hint, Hints
from gateway.feed.hints import AGAIN_S, SHOWN_S
from gateway.streams.ear import Ear
from gateway.wake import impatient_redis
from tests.services.processes import wait_until

TYPING = Hint(
    kind="typing",
    conversation="cnv_1",
    session="ses_1",
    by="operator",
    id="opr_1",
    name="Ann",
    at=7,
)
LOOK = Hint(kind="look", conversation="cnv_1", session="ses_1", by="ai")


@dataclass
class Timer:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_same_again_at_once_is_no_hint() -> None:
    timer, heard = Timer(), []
    hints = Hints(monotonic=timer)
    hints.listen(heard.append)
    stops = Hint(kind="typing", conversation="cnv_1", session="ses_1", by="operator", id="opr_1",
                 on=False)  # fmt: skip
    assert hints.give(TYPING)
    assert not hints.give(TYPING)
    assert hints.give(stops)
    assert hints.give(TYPING)
    timer.now += AGAIN_S
    assert hints.give(TYPING)
    assert hints.give(LOOK)
    assert hints.give(LOOK), "each of these says something else"
    assert heard == [TYPING, stops, TYPING, TYPING, LOOK, LOOK]


def test_other_processes_hear_it_once_and_nonsense_harms_nobody(valkey_url: str) -> None:
    mine, theirs = [], []
    giver = Hints(impatient_redis(valkey_url))
    giver.listen(mine.append)
    other = Hints(impatient_redis(valkey_url))
    other.listen(theirs.append)
    ears = [Ear(valkey_url, threading.Event(), hints) for hints in (giver, other)]
    for ear in ears:
        ear.start()
    wait_until(lambda: all(ear.hears for ear in ears), "both to listen")
    with redis.Redis.from_url(valkey_url) as raw:
        for nonsense in (b"", b"nonsense", b"0" * 16 + b'{"kind": "sings"}', b"\xff" * 40):
            raw.publish(HINTS, nonsense)
    giver.give(TYPING)
    giver.give(LOOK)
    wait_until(lambda: len(theirs) == 2, "the hints")
    assert theirs == mine == [TYPING, LOOK]
    for ear in ears:
        ear.stop()


def test_a_process_does_not_hear_its_own_bell_again(valkey_url: str) -> None:
    rings: list[list[int]] = [[], []]
    heard: list[Hint] = []
    bells = [Bell(impatient_redis(valkey_url)) for _ in rings]
    ears = []
    for mine, bell in zip(rings, bells, strict=True):
        hints = Hints()
        hints.listen(heard.append)
        news = threading.Event()
        news.set = partial(mine.append, 1)  # type: ignore[method-assign]
        ears.append(Ear(valkey_url, news, hints, bell.name))
        ears[-1].start()
    wait_until(lambda: all(ear.hears for ear in ears), "both to listen")
    before = [len(mine) for mine in rings]
    bells[0].ring()
    wait_until(lambda: len(rings[1]) > before[1], "the ring")
    with redis.Redis.from_url(valkey_url) as raw:
        raw.publish(CHANNEL, bells[0].name)
        raw.publish(CHANNEL, b"")  # a process of an earlier version
    Hints(impatient_redis(valkey_url)).give(LOOK)
    wait_until(lambda: len(heard) == 2, "what came after")
    assert [len(mine) for mine in rings] == [before[0] + 1, before[1] + 3]
    for ear in ears:
        ear.stop()


def test_who_has_no_stream_asks_who_types(valkey_url: str) -> None:
    giver, asks = Hints(impatient_redis(valkey_url)), Hints(impatient_redis(valkey_url))
    assert asks.typist("cnv_1") is None
    giver.give(TYPING)
    wait_until(lambda: asks.typist("cnv_1") == TYPING, "the typist")
    assert asks.typist("cnv_2") is None
    with redis.Redis.from_url(valkey_url) as raw:
        assert 0 < raw.pttl("gateway:typist:cnv_1") <= SHOWN_S * 1000
        giver.give(structs.replace(TYPING, on=False))
        wait_until(lambda: asks.typist("cnv_1") is None, "that nobody types")
        raw.set("gateway:typist:cnv_1", b"nonsense")
    assert asks.typist("cnv_1") is None
    assert Hints().typist("cnv_1") is None


def test_without_redis_nobody_waits() -> None:
    heard: list[Hint] = []
    hints = Hints(impatient_redis("redis://127.0.0.1:1"))
    hints.listen(heard.append)
    for _ in range(3):
        assert hints.give(LOOK)
    assert hints.typist("cnv_1") is None
    assert heard == [LOOK] * 3
