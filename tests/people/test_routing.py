"""To whom a session is offered, who may take it, and when somebody can come."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.people.availability import within
from gateway.people.routing import (
    Candidate,
    Shift,
    anybody,
    anybody_works,
    may_take,
    next_offer,
    opens_at,
)

NINE, TEN = (datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (9, 10))


def one(id: str = "a", **more: Any) -> Candidate:
    values: dict[str, Any] = {
        "name": id.title(), "email": f"{id}@acme.test", "role": "operator", "presence": "online",
        **more,
    }  # fmt: skip
    return Candidate(id=id, **values)


NOT_AVAILABLE: list[dict[str, Any]] = [
    {"active": False},
    {"role": "viewer"},
    {"presence": "away"},
    {"presence": "offline"},
    {"presence": "unknown"},
    {"in_hours": False},
    {"open_sessions": 3, "max_sessions": 3},
    {"open_sessions": 4, "max_sessions": 3},
]


@pytest.mark.parametrize("lack", NOT_AVAILABLE, ids=str)
def test_only_the_available_are_offered_anything(lack: dict[str, Any]) -> None:
    busy = one("a", **lack)
    assert not anybody([busy])
    assert next_offer([busy], (), "round_robin") is None
    free = one("b", role="admin", open_sessions=2, max_sessions=3, offered_at=99)
    assert anybody([busy, free])
    assert next_offer([busy, free], (), "round_robin") == free


def test_whoever_was_offered_something_longest_ago_is_next() -> None:
    late, early = one("a", offered_at=20), one("b", offered_at=10, open_sessions=9)
    assert next_offer([late, early], (), "round_robin") == early
    assert next_offer([late, early], {"b"}, "round_robin") == late
    assert next_offer([late, early], {"a", "b"}, "round_robin") is None
    # Never offered anything comes first; then who has least to do; then by id.
    assert next_offer([early, one("c")], (), "round_robin") == one("c")
    few = one("z", open_sessions=1)
    assert next_offer([one("c", open_sessions=2), few], (), "round_robin") == few
    assert next_offer([one("d"), one("c")], (), "round_robin") == one("c")


def test_in_a_queue_nobody_is_offered_anything() -> None:
    assert next_offer([one()], (), "queue") is None


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(1, 30))
def test_round_robin_is_fair(loads: list[int], times: int) -> None:
    """Among people who stay available nobody gets two offers more than anybody else."""
    people = {f"{n}": one(f"{n}", open_sessions=load) for n, load in enumerate(loads)}
    got = dict.fromkeys(people, 0)
    for now in range(1, times + 1):
        chosen = next_offer(people.values(), (), "round_robin")
        assert chosen is not None
        got[chosen.id] += 1
        people[chosen.id] = one(chosen.id, offered_at=now, open_sessions=chosen.open_sessions + 1)
    assert max(got.values()) - min(got.values()) <= 1


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.booleans()), max_size=6))
def test_a_round_asks_everybody_available_once(people: list[tuple[int, int, bool]]) -> None:
    candidates = [
        one(str(n), offered_at=at, open_sessions=load, in_hours=works)
        for n, (at, load, works) in enumerate(people)
    ]
    asked: list[str] = []
    while (chosen := next_offer(candidates, asked, "round_robin")) is not None:
        asked.append(chosen.id)
    assert sorted(asked) == [one.id for one in candidates if one.available]


def test_whoever_accepts_is_there() -> None:
    for state in ("offline", "away", "unknown"):
        assert may_take(one(presence=state, in_hours=False)) is None
    assert may_take(one(role="admin", open_sessions=99)) is None
    assert may_take(one(active=False)) == "A is deactivated"
    assert may_take(one(role="viewer")) == "A is a viewer and cannot take sessions"
    full = one(open_sessions=3, max_sessions=3)
    assert may_take(full) == "A has 3 open sessions and may have 3 at most"


def shift(in_hours: bool = False, opens: datetime | None = None) -> Shift:
    return Shift(circle="others", in_hours=in_hours, opens_at=opens)


def test_when_the_next_working_time_begins() -> None:
    out, later = shift(opens=NINE), shift(opens=TEN)
    assert opens_at([later, out]) == NINE
    assert opens_at([later, shift()]) == TEN
    assert opens_at([shift()]) is None
    assert opens_at([]) is None
    assert opens_at([out, shift(in_hours=True)]) is None
    assert anybody_works([out, shift(in_hours=True)])
    assert not anybody_works([out])


def test_the_circles_around_an_agent() -> None:
    named, mate, other = one("n", circle="named"), one("t", circle="team"), one("o")
    everybody = [mate, named, other]
    assert within(everybody, "first") == [named]
    assert within(everybody, "team") == [mate, named]
    assert within(everybody, "all") == everybody
    assert within([mate, other], "first") == [mate]
    assert within([other], "first") == within([other], "team") == [other]
    assert within([], "first") == []
