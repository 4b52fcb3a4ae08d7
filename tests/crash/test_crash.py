"""Processes are killed and Redis is emptied at random points under load; nothing is lost or done
twice, and nobody is talked over.

GATEWAY_CRASH_SEED and GATEWAY_CRASH_SECONDS look further: another seed, a longer load.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter

import pytest

from tests.crash.load import Town
from tests.crash.tree import Tree, tree
from tests.crash.verdict import judge

SEED = int(os.environ.get("GATEWAY_CRASH_SEED", "1"))
SECONDS = float(os.environ.get("GATEWAY_CRASH_SECONDS", "12"))
# A post that was on the wire is left alone for 50 s before it is read back, and then once more.
QUIET_WITHIN_S = 75.0
FAULTS = ("web", "web", "turns", "turns", "deliver", "deliver", "deliver", "sync", "scheduler",
          "valkey", "flush", "flush")  # fmt: skip


def play(it: Tree, chance: random.Random) -> Counter[str]:
    """Load and faults; return how often each fault struck."""
    struck: Counter[str] = Counter()
    # Calls last long enough for a kill to find some under way.
    it.standin.faults.add("slow", where="effect", count=None, probability=0.4, seconds=0.4)
    it.standin.faults.add("slow", where="get", count=None, probability=0.2, seconds=0.2)
    # Some are lost on the way there, some on the way back.
    it.standin.faults.add("timeout_before", where="effect", count=3, probability=0.1, seconds=0.2)
    it.standin.faults.add("timeout_after", where="effect", count=3, probability=0.1, seconds=0.2)
    posting = threading.Event()

    def after_effect(call: object) -> None:
        posting.set()
        time.sleep(0.05)

    it.standin.faults.hooks.after_effect = after_effect
    town = Town(it.standin.world, SEED, streets=6)
    town.open()
    ends = time.monotonic() + SECONDS
    time.sleep(1.0)
    while time.monotonic() < ends:
        fault = chance.choice(FAULTS)
        if fault == "deliver" and chance.random() < 0.7:
            # Aimed: something has just been posted, and its receipt is not in the record yet.
            posting.clear()
            posting.wait(1.0)
        struck[fault] += it.empty_redis() if fault == "flush" else it.kill(fault, chance)
        time.sleep(chance.uniform(0.2, 1.5))
    town.close()
    # The last word is a fault's: everything that is owed now must survive it.
    posting.clear()
    posting.wait(1.0)
    struck["deliver"] += it.kill("deliver", chance)
    struck["turns"] += it.kill("turns", chance)
    it.talks = town.talks
    return struck


@pytest.mark.slow(60)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_killed_at_random(database: str, request: pytest.FixtureRequest) -> None:
    migrated = database == "postgresql"
    url = request.getfixturevalue("migrated_postgres_url") if migrated else database
    with tree(url, seed=SEED, migrated=migrated) as it:
        it.up(workers=2, web=2)
        struck = play(it, random.Random(SEED))
        took = it.wait_until_quiet(QUIET_WITHIN_S)
        verdict = judge(it, it.talks)
        verdict.numbers["seconds until quiet"] = round(took)
        print(f"seed {SEED}: {dict(struck)} {dict(verdict.numbers)}; log {it.log}")
        assert not verdict.wrong, "\n".join([str(it.log), *verdict.wrong])
        assert verdict.numbers["words answered"] > 5
