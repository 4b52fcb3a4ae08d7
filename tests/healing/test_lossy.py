"""Issue 3's criteria 1 and 2: after one pass the record is the truth, whatever was lost.

Nobody was spoken over, nobody is left waiting, and nothing was answered twice.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from gateway.sync.jobs import Bench
from tests.healing.city import Town
from tests.healing.truth import answered_twice, differences, left_waiting
from tests.rig import Rig

SEED = int(os.environ.get("HEALING_SEED", "20261126"))
# Issue 3 asks for 2,000, which take minutes; PostgreSQL, a quarter of it.
CONVERSATIONS = int(os.environ.get("HEALING_CONVERSATIONS", "240"))


def lives(town: Town, conversations: int, *, hears: bool = True) -> None:
    """Let customers come until there are so many conversations, and everybody take turns."""
    opened: list[str] = []
    while len(opened) < conversations:
        new = [town.opens() for _ in range(min(20, conversations - len(opened)))]
        opened += new
        for _ in range(3 * len(new)):
            # Most happens in the newest ones; some come back to life much later.
            recent = opened[-400:] if town.random.random() < 0.9 else opened
            town.steps(town.random.choice(recent))
        if hears:
            town.hears()
            town.it.work()
        town.it.advance(town.random.choice([1, 2, 5, 15, 40]))


def is_healed(town: Town) -> None:
    """One pass; then whatever it owes is done, and everything is right."""
    town.forgets()
    assert differences(town.it), "nothing was lost, so this shows nothing"
    done = town.reconciles()
    shown(differences(town.it))
    assert done["repaired"] > 0
    assert done["waiting"] == 0
    for _ in range(8):  # what the pass owes: answers, handovers, and their echoes
        town.it.work()
        town.hears(all_of_it=True)
        town.it.advance(1)
    shown(town.spoken_over)
    shown(left_waiting(town.it))
    shown(answered_twice(town.it))
    # The echoes were lost as well, some because Intercom has paused a gateway that was down.
    town.reconciles()
    shown(differences(town.it))


def shown(wrong: list[str]) -> None:
    """Fail with the first few of them, if there are any."""
    assert not wrong, "\n".join([f"{len(wrong)} are wrong", *wrong[:10]])


@pytest.mark.slow(30)
@pytest.mark.parametrize(
    ("migrated_url", "conversations"),
    [("sqlite", CONVERSATIONS), ("postgresql", CONVERSATIONS // 4)],
    indirect=["migrated_url"],
)
def test_30_percent_lost_10_percent_twice_and_the_rest_in_any_order(
    make_rig_on_both: Callable[..., Rig], conversations: int
) -> None:
    town = Town(make_rig_on_both(api_version="2.16"), SEED, lost=0.3, twice=0.1)
    lives(town, conversations)
    is_healed(town)


@pytest.mark.slow(30)
@pytest.mark.parametrize(
    ("migrated_url", "a_spell"),
    [("sqlite", CONVERSATIONS // 80), ("postgresql", CONVERSATIONS // 130)],
    indirect=["migrated_url"],
)
def test_down_for_ten_minutes_under_traffic(
    make_rig_on_both: Callable[..., Rig], a_spell: int
) -> None:
    town = Town(make_rig_on_both(api_version="2.16"), SEED + 1, lost=0.0, twice=0.0)
    lives(town, 100)
    town.hears(all_of_it=True)
    town.it.work()
    began, there = town.it.clock.monotonic(), town.it.standin.notifier.url
    town.it.standin.notifier.url = "http://127.0.0.1:1/nobody"
    while town.it.clock.monotonic() < began + 600:
        lives(town, a_spell, hears=False)
        # Refused, refused again a minute later, and dropped.
        town.it.standin.notifier.deliver_pending()
        town.it.standin.notifier.deliver_retries()
    dropped = len(town.it.standin.notifier.dropped)
    assert dropped > 300
    town.it.standin.notifier.url = there
    town.it.bench = Bench(town.it.parts, threading.Event())  # a worker that has just started
    is_healed(town)
