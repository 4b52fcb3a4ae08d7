"""A random walk keeps every promise about who is who; ten thousand steps by

CONTACT_STEPS=10000 pytest -n 0 tests/contacts/test_walk.py
"""

from __future__ import annotations

import os

from tests.contacts.town import Town
from tests.contacts.walk import STEPS, Walk

MOST = int(os.environ.get("CONTACT_STEPS", "150"))
_LOOK_EVERY = 25


def test_a_random_walk_keeps_who_is_who(town: Town) -> None:
    walk = Walk(town, seed=int(os.environ.get("CONTACT_SEED", "4")))
    done: list[str] = []
    try:
        for number in range(MOST):
            done.append(walk.step())
            if done[-1] != "message" and (MOST <= 500 or number % 5 == 0):
                walk.compare()
            if number % _LOOK_EVERY == 0:
                walk.compare_views()
        walk.compare()
        walk.compare_views()
        while walk.edges:  # and back to where everybody is on their own
            walk.splits()
        walk.compare()
    except BaseException:
        print(f"after {len(done)} steps: {' '.join(done[-20:])}")
        raise
    print(dict(walk.did))
    if MOST >= 1_000:
        assert set(walk.did) == {name for name, _ in STEPS}
