"""Wake-ups may be lost or come while a drain ends: what is owed is done all the same (P4)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from rq import Queue

from gateway.sync import jobs
from gateway.sync.drain import Drain
from gateway.sync.scheduler import tick
from gateway.wake import QUEUES
from tests.races.moves import Meanwhile, ask, last, said, start
from tests.rig import Rig
from tests.services.valkey import ValkeyServer


class Workers:
    """RQ's part, by hand: takes jobs from the queues and performs them."""

    def __init__(self, it: Rig, url: str) -> None:
        self.it = it
        self.redis = redis.Redis.from_url(url)
        it.parts.waker._redis = self.redis  # not the impatient one: this machine may be slow
        jobs.prepare(it.parts, threading.Event())

    def waiting(self) -> list[str]:
        """The kinds of work for which a job is enqueued."""
        kinds = []
        for name in sorted(set(QUEUES.values())):
            kinds += [job.args[0] for job in Queue(name, connection=self.redis).jobs]
        return kinds

    def run(self) -> int:
        """Perform what is enqueued until nothing is; return how many jobs it was."""
        done = 0
        names = sorted(set(QUEUES.values()))
        while True:
            queues = [Queue(name, connection=self.redis) for name in names]
            found = Queue.dequeue_any(queues, None, connection=self.redis)
            if found is None:
                return done
            found[0].perform()
            found[0].delete()
            done += 1


@pytest.fixture
def workers(it: Rig, valkey_url: str) -> Iterator[Workers]:
    made = Workers(it, valkey_url)
    yield made
    jobs._bench = None
    made.redis.close()


def test_a_webhook_wakes_a_turn_which_wakes_the_delivery(workers: Workers) -> None:
    it = workers.it
    cid = str(it.world.customer_starts("Hello", name="Cleo").conversation.id)
    it.hear()
    assert workers.waiting() == ["turns"]
    workers.run()
    assert said(it, cid) == ["AI: Hello"]
    assert workers.waiting() == []


def test_many_events_one_wake_up(workers: Workers) -> None:
    it = workers.it
    for number in range(5):
        it.world.customer_starts("Hello", name=f"C{number}")
    it.hear()
    assert workers.waiting() == ["turns"]
    workers.run()
    assert len(it.agent.turns) == 5
    assert all(said(it, cid) == ["AI: Hello"] for cid in it.world.conversations)


class Watched:
    """A kind of work that lets a test act at a point of its drain."""

    def __init__(self, work: Any, point: str, act: Any) -> None:
        self._work, self._point, self._act = work, point, [act]
        self.kind, self.threads = work.kind, work.threads

    def _at(self, point: str) -> None:
        if point == self._point and self._act:
            self._act.pop()()

    def due(self, limit: int) -> Any:
        self._at("before looking")
        found = self._work.due(limit)
        if not found:
            self._at("after looking in vain")
        return found

    def due_within(self, seconds: float) -> bool:
        self._at("before the last look")
        soon = bool(self._work.due_within(seconds))
        if not soon:
            self._at("after the last look")
        return soon

    def do(self, key: str) -> None:
        self._work.do(key)
        self._at("after a piece of work")

    def abandon(self, keys: Any) -> None:
        self._work.abandon(keys)


@pytest.mark.parametrize(
    "point",
    [
        "before looking",
        "after a piece of work",
        "after looking in vain",
        "before the last look",
        "after the last look",
    ],
)
def test_work_owed_at_any_point_of_a_drains_life(workers: Workers, point: str) -> None:
    """Without the scheduler: either this drain still sees it, or the wake-up made another job."""
    it = workers.it
    first = str(it.world.customer_starts("Hello", name="Cleo").conversation.id)
    it.hear()
    later: list[str] = []

    def more() -> None:
        later.append(str(it.world.customer_starts("Hello too", name="Dora").conversation.id))
        it.hear()

    bench = jobs._bench
    assert bench is not None
    bench.works["turns"] = Watched(bench.works["turns"], point, more)
    workers.run()
    assert len(later) == 1
    assert said(it, first) == ["AI: Hello"]
    assert said(it, later[0]) == ["AI: Hello too"]


def test_a_drain_out_of_time_wakes_another(workers: Workers, monkeypatch: Any) -> None:
    it = workers.it
    cid = str(it.world.customer_starts("Hello", name="Cleo").conversation.id)
    it.hear()
    run, left = Drain.run, [0.0]
    monkeypatch.setattr(
        Drain, "run", lambda self, budget_s=60.0: run(self, left.pop() if left else budget_s)
    )
    assert workers.run() >= 2
    assert said(it, cid) == ["AI: Hello"]


def test_a_drain_that_is_stopped_leaves_the_work_owed(workers: Workers) -> None:
    it = workers.it
    cid = str(it.world.customer_starts("Hello", name="Cleo").conversation.id)
    it.hear()
    assert jobs._bench is not None
    jobs._bench.stopping.set()
    workers.run()
    assert said(it, cid) == []
    jobs._bench.stopping.clear()
    assert tick(jobs._bench) == ["turns"]
    workers.run()
    assert said(it, cid) == ["AI: Hello"]


def test_redis_is_emptied(workers: Workers) -> None:
    it = workers.it
    cid = start(it)
    workers.run()
    ask(it, cid)
    assert workers.waiting() == ["turns"]
    workers.redis.flushall()
    assert workers.run() == 0
    assert tick(it.bench) == ["turns"]
    workers.run()
    assert said(it, cid)[1:] == ["AI: And when?"]


def test_a_job_is_lost_after_its_wake_up(workers: Workers) -> None:
    """Popped by a worker that was killed: the key keeps wake-ups away for ten seconds at most."""
    it = workers.it
    cid = start(it)
    workers.run()
    ask(it, cid)
    Queue("turns", connection=workers.redis).empty()
    ask(it, cid, "Hello?")
    assert workers.waiting() == []
    ttl = workers.redis.ttl("wake:turns")
    assert 0 < ttl <= 10
    workers.redis.delete("wake:turns")  # ten seconds later
    assert tick(it.bench) == ["turns"]
    workers.run()
    assert said(it, cid)[-1] == "AI: Hello?"


def test_redis_is_down_for_a_while(it: Rig, own_valkey: ValkeyServer) -> None:
    own_valkey.start()
    workers = Workers(it, own_valkey.url)
    cid = start(it)
    workers.run()
    own_valkey.stop()
    it.world.customer_replies(cid, "And when?")
    assert {answer.status for answer in it.hear()} == {200}
    assert it.turns()[-1].state == "due"
    tick(it.bench)
    own_valkey.start()
    tick(it.bench)
    workers.run()
    assert said(it, cid)[1:] == ["AI: And when?"]
    assert last(it).state == "sent"
    jobs._bench = None


def test_two_drains_of_one_kind_at_the_same_time(on_both: Rig) -> None:
    it = on_both
    for number in range(6):
        it.world.customer_starts(f"Hello {number}", name=f"C{number}")
    it.hear()
    stopping = threading.Event()
    for kind in ("turns", "deliver"):
        drains = [Drain(it.bench.works[kind], it.clock, stopping) for _ in range(2)]
        threads = [Meanwhile(drain.run) for drain in drains]
        for thread in threads:
            thread.__enter__()
        for thread in threads:
            thread.join()
    assert len(it.agent.turns) == 6
    assert [said(it, cid) for cid in it.world.conversations] == [
        [f"AI: Hello {number}"] for number in range(6)
    ]
