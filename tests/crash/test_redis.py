"""Redis carries wake-ups only: without it the work is done all the same, a little later."""

from __future__ import annotations

import time

import pytest

from tests.crash.tree import Tree, tree
from tests.services.processes import wait_until
from tests.services.valkey import ValkeyServer


def says_and_is_answered(it: Tree, text: str, within_s: float) -> float:
    """A customer writes to the AI; return how long the answer took."""
    began = time.monotonic()
    started = it.standin.world.customer_starts(text, name="Customer")

    def is_answered() -> bool:
        parts = it.standin.world.snapshot(started.conversation_id).parts
        return any(part.body and text in part.body for part in parts)

    wait_until(is_answered, f"an answer to {text}; see {it.log}", within_s=within_s)
    return time.monotonic() - began


@pytest.mark.slow(35)
def test_without_redis_workers_look_for_themselves(own_valkey: ValkeyServer) -> None:
    with tree("sqlite") as it:
        it.environ["GATEWAY_REDIS_URL"] = own_valkey.url
        it.up(workers=1)
        says_and_is_answered(it, "w001n001", 10)
        own_valkey.empty()
        assert it.readiness() == "degraded"
        wait_until(lambda: it.readiness() == "ready", "workers to be known again", within_s=20)
        own_valkey.stop()
        says_and_is_answered(it, "w002n002", 10)
        time.sleep(3)  # a retry that waits twice as long each time would be asleep by now
        says_and_is_answered(it, "w003n003", 6)
        own_valkey.start()
        wait_until(lambda: it.readiness() == "ready", "workers on their queues", within_s=10)
        says_and_is_answered(it, "w004n004", 3)
