"""Two workers on one session: at most one of them acts, and neither harms the other (P5, P6)."""

from __future__ import annotations

from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.conversations import claims, heads
from gateway.errors import Again, Never
from gateway.events import Answer
from gateway.store.models import Claim, Conversation
from gateway.sync.deliver import Deliver
from gateway.sync.reading import Reader
from gateway.sync.turns import Turns
from tests.races.moves import Gate, Meanwhile, ask, calls, last, lines, once, said, start
from tests.rig import Rig

ANSWER = "AI: And when?"


def deliver(it: Rig) -> Deliver:
    """Another deliver worker, as in another process."""
    return Deliver(it.parts, Reader(it.parts))


def owed(it: Rig) -> tuple[str, str]:
    """A conversation in which an answer is owed; the channel's id and ours."""
    cid = start(it)
    ask(it, cid)
    it.work("turns")
    it.standin.requests.clear()
    with it.parts.database.read() as db:
        key = db.scalar(select(Conversation.id).where(Conversation.external_id == cid))
    assert key
    return cid, key


def run_out(it: Rig) -> None:
    """Let every claim's lease end now, whatever clock it is measured by."""
    it.parts.database.write(lambda db: db.execute(update(Claim).values(until=0)))


@pytest.mark.parametrize("hook", ["after_read", "before_effect", "after_effect"])
def test_a_second_worker_finds_the_lane_taken(on_both: Rig, hook: str) -> None:
    it = on_both
    cid, key = owed(it)
    other = deliver(it)
    tried = []

    def second() -> None:
        assert key not in other.due(10)
        other.do(key)
        tried.append(len(it.standin.requests))

    struck = once(it, hook, "get" if hook == "after_read" else "reply", second)
    it.work("deliver")
    assert struck
    assert tried == [1 if hook == "after_read" else 2]  # it asked the channel nothing
    it.settle()
    assert said(it, cid)[1:] == [ANSWER]


def test_a_claim_run_out_during_the_look_goes_to_the_next(on_both: Rig) -> None:
    """The second worker sends; the first finds at begin that it is too late."""
    it = on_both
    cid, key = owed(it)
    other = deliver(it)

    def second() -> None:
        run_out(it)
        other.do(key)

    once(it, "after_read", "get", second)
    it.work("deliver")
    it.settle()
    assert said(it, cid)[1:] == [ANSWER]
    assert (last(it).state, last(it).tries) == ("sent", 1)


def test_begin_asks_for_the_token(on_both: Rig) -> None:
    """The claim is somebody else's, who has not begun yet: not begun here."""
    it = on_both
    cid, key = owed(it)
    database = it.parts.database
    tokens: list[str | None] = []

    def second() -> None:
        run_out(it)
        tokens.append(database.write(lambda db: claims.take(db, database, heads.CLAIM, key, 20)))

    once(it, "after_read", "get", second)
    it.bench.works["deliver"].do(key)
    assert tokens[0]
    assert last(it).state == "owed"
    assert calls(it, "reply") == []
    token = tokens[0]
    database.write(lambda db: claims.release(db, heads.CLAIM, key, token))
    it.settle()
    assert said(it, cid)[1:] == [ANSWER]


def test_a_claim_that_ran_out_unnoticed_is_still_good(on_both: Rig) -> None:
    it = on_both
    cid, _ = owed(it)
    once(it, "after_read", "get", lambda: run_out(it))
    it.work("deliver")
    assert said(it, cid)[1:] == [ANSWER]


class Frozen(Deliver):
    """A worker that is held up between begin and post."""

    def __init__(self, it: Rig, meanwhile: Any) -> None:
        super().__init__(it.parts, Reader(it.parts))
        self.meanwhile = [meanwhile]

    def _post(self, *args: Any) -> bool:
        if self.meanwhile:
            self.meanwhile.pop()()
        return super()._post(*args)


@pytest.mark.parametrize(("seconds", "posts"), [(4.9, 1), (5.1, 0)])
def test_held_up_between_begin_and_post(on_both: Rig, seconds: float, posts: int) -> None:
    it = on_both
    cid, key = owed(it)
    Frozen(it, lambda: it.advance(seconds)).do(key)
    assert len(calls(it, "reply")) == posts
    assert last(it).state == ("sent" if posts else "owed")
    it.advance(2)
    it.settle()
    assert said(it, cid)[1:] == [ANSWER]


def test_a_sender_thawed_late_leaves_the_next_ones_post_alone(on_both: Rig) -> None:
    """Frozen for a minute: read back, begun anew by another, on the wire when the first wakes."""
    it = on_both
    cid, key = owed(it)
    held = Gate()
    other: list[Meanwhile] = []

    def a_minute() -> None:
        run_out(it)
        second = deliver(it)
        it.advance(50)
        second.do(key)  # read back: not there
        it.advance(1)
        it.standin.faults.hooks.before_effect = held.hold
        other.append(Meanwhile(lambda: second.do(key)))
        other[0].__enter__()
        held.wait()

    Frozen(it, a_minute).do(key)
    assert last(it).state == "sending"
    it.standin.faults.hooks.before_effect = None
    it.advance(3)
    deliver(it).do(key)  # a third one, while the second's post is on the wire
    held.open()
    other[0].join()
    it.settle()
    assert said(it, cid)[1:] == [ANSWER]


def test_many_workers_at_the_same_time(on_both: Rig) -> None:
    """No hook: workers of both kinds start together on the same sessions."""
    it = on_both
    cids = [str(it.world.customer_starts("Hello", name=f"C{n}").conversation.id) for n in range(4)]
    it.agent.next += [Answer(messages=["One.", "Two.", "Three."]) for _ in cids]
    it.hear()
    ready = Barrier(6)

    def ask_all() -> None:
        worker = Turns(it.parts, Reader(it.parts))
        keys = list(worker.due(50))
        ready.wait(20)
        for key in keys:
            worker.do(key)

    threads = [Meanwhile(ask_all) for _ in range(6)]
    for thread in threads:
        thread.__enter__()
    for thread in threads:
        thread.join()
    assert len(it.agent.turns) == len(cids)

    def send_all() -> None:
        worker = deliver(it)
        ready.wait(20)
        while keys := list(worker.due(50)):
            for key in keys:
                worker.do(key)

    threads = [Meanwhile(send_all) for _ in range(6)]
    for thread in threads:
        thread.__enter__()
    for thread in threads:
        thread.join()
    it.settle()
    for cid in cids:
        assert said(it, cid) == ["One.", "Two.", "Three."]
        assert [m[1] for m in lines(it, cid)] == ["Hello", "One.", "Two.", "Three."]


# -- turns -----------------------------------------------------------------------------------------


def test_a_turn_being_asked_is_not_asked_by_another(on_both: Rig) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid)
    other = Turns(it.parts, Reader(it.parts))

    def second(turn: Any) -> None:
        assert list(other.due(10)) == []
        other.do(turn.id)

    it.agent.before.append(second)
    it.settle()
    assert len(it.agent.turns) == 2
    assert said(it, cid)[1:] == [ANSWER]


def test_a_turn_whose_worker_is_taken_for_dead_is_asked_again(on_both: Rig) -> None:
    """Both answer after all: the first answer recorded is said, the other one is not."""
    it = on_both
    cid = start(it)
    ask(it, cid)
    other = Turns(it.parts, Reader(it.parts))

    def dead(turn: Any) -> None:
        it.advance(46)
        it.agent.next.append(Answer(messages=["The second worker's."]))
        assert list(other.due(10)) == [turn.id]
        other.do(turn.id)
        it.agent.next.append(Answer(messages=["The first worker's."]))

    it.agent.before.append(dead)
    it.settle()
    assert said(it, cid)[1:] == ["The second worker's."]
    assert it.turns()[-1].state == "recorded"


@pytest.mark.parametrize(
    "trouble", [Again("timed out", details={"timeout": True}), Never("401")], ids=["again", "never"]
)
def test_a_dead_workers_failure_does_not_end_the_next_ones_question(
    on_both: Rig, trouble: Exception
) -> None:
    it = on_both
    cid = start(it)
    ask(it, cid)
    first = it.bench.works["turns"]
    asking = Gate()

    def dead(turn: Any) -> None:
        """The first worker sleeps over its lease; the second one asks meanwhile."""
        it.advance(46)
        it.agent.before.append(asking.hold)
        second.__enter__()
        asking.wait()
        it.agent.next.append(trouble)

    turn_id = first.due(1)[0]
    second = Meanwhile(lambda: Turns(it.parts, Reader(it.parts)).do(turn_id))
    it.agent.before.append(dead)
    first.do(turn_id)
    asking.open()
    second.join()
    it.settle()
    it.advance(5)
    it.settle()
    assert said(it, cid)[1:] == [ANSWER]
    assert it.session(cid).mode == "ai"


def test_two_lanes_do_not_wait_for_each_other(on_both: Rig) -> None:
    """P6: one conversation's call hangs; another's goes out meanwhile."""
    it = on_both
    slow, quick = start(it), start(it)
    ask(it, slow)
    ask(it, quick)
    it.work("turns")
    held = Gate()

    def hold(call: Any) -> None:
        if call.conversation_id == slow:
            held.hold()

    it.standin.faults.hooks.before_effect = hold
    keys = list(deliver(it).due(10))
    assert len(keys) == 2
    with Meanwhile(lambda: deliver(it).do(keys[0])):
        held.wait()
        deliver(it).do(keys[1])
        assert said(it, quick)[1:] == [ANSWER]
        assert said(it, slow)[1:] == []
        held.open()
    assert said(it, slow)[1:] == [ANSWER]
