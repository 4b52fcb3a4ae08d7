"""Stopping: within ten seconds in the middle of a turn; a frozen sender says nothing twice."""

from __future__ import annotations

import fcntl
import signal
import sqlite3
import time
from pathlib import Path

import psutil
import pytest

from tests.crash.test_redis import says_and_is_answered
from tests.crash.tree import BOT, Tree, tree
from tests.services.processes import is_alive, wait_until

FROZEN_S = 12.0


@pytest.mark.slow(30)
def test_a_clean_stop_in_the_middle_of_a_turn_which_is_asked_again() -> None:
    with tree("sqlite") as it:
        it.up(workers=1)
        it.agent.answering.clear()
        talk = it.standin.world.customer_starts("w001n001", name="Customer").conversation_id
        wait_until(lambda: it.agent.asked, "the question")
        processes = [process.pid for role in ("web", "turns") for process in it.find(role)]
        assert it.stop() < 10
        assert not any(map(is_alive, processes))
        assert [turn.state for turn in it.table("turns")] == ["due"]
        it.agent.answering.set()
        it.up(workers=1)
        it.wait_until_quiet(20)
        assert [one["turn_id"] for one in it.agent.asked] == [it.agent.asked[0]["turn_id"]] * 2
        said = [part.body for part in it.standin.world.conversations[talk].parts if part.body]
        assert len(said) == 1
        assert "w001n001" in said[0]


@pytest.mark.slow(32)
def test_a_sender_frozen_between_begin_and_post_says_it_once() -> None:
    with tree("sqlite") as it:
        it.up(workers=2)
        says_and_is_answered(it, "w000n001", 10)
        frozen = freeze_between_begin_and_post(it)
        try:
            posted = len(replies(it))
            time.sleep(FROZEN_S)
            # Others have seen it meanwhile, and left it alone.
            assert len(replies(it)) == posted
        finally:
            for process in frozen:
                process.send_signal(signal.SIGCONT)
        took = it.wait_until_quiet(75)
        print(f"quiet {took:.0f} s after the thaw")
        for conversation in it.standin.world.conversations.values():
            said = [part for part in conversation.parts if part.author.id == BOT and part.body]
            assert len(said) == 1, (conversation.id, said)
        assert {push.state for push in it.table("pushes")} == {"sent"}


def replies(it: Tree) -> list[object]:
    return [call for call in it.standin.requests if call.kind == "reply"]


def freeze_between_begin_and_post(it: Tree) -> list[psutil.Process]:
    """Freeze the senders as soon as a begin is committed; try until the post was not out yet."""
    senders = it.find("deliver")
    record = sqlite3.connect(Path(it.folder) / "gateway.db", isolation_level=None)
    for attempt in range(1, 30):
        begun = len(replies(it))
        it.standin.world.customer_starts(f"w{attempt:03}n002", name=f"Customer {attempt}")
        until = time.monotonic() + 15
        while not record.execute("SELECT 1 FROM pushes WHERE state = 'sending'").fetchone():
            assert time.monotonic() < until, f"nothing was begun; see {it.log}"
        for process in senders:
            process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)  # whatever is on the wire has arrived by now
        if len(replies(it)) == begun and nobody_writes(it):
            record.close()
            return senders
        for process in senders:
            process.send_signal(signal.SIGCONT)
        it.wait_until_quiet(75)
    raise AssertionError("the post was always faster")


def nobody_writes(it: Tree) -> bool:
    """True if no frozen process holds the lock of SQLite's writers: others would wait for it."""
    with (it.folder / "gateway.db.lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
