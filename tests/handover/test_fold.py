"""The fold has no memory but its thread, and no order but the channel's.

It does sort; it does not look for repetitions: a fact is kept once under its id (`facts.keep`), so
the fold never meets it twice. Where it would, only markers were doubled, never a mode.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.events import NOBODY, ORIGIN, AssigneeSeen, Fact
from gateway.handover import Marker, Story, Thread, apply, fold, is_idle, is_neutral, place
from gateway.policy import Policy
from tests.handover import facts as one
from tests.handover.facts import (
    AI,
    AOIFE,
    BOT,
    CUSTOMER,
    FIN,
    MAREK,
    TEAM,
    TO_AOIFE,
    TO_FIN,
    last,
    notes,
    says,
    told,
)

SECONDS = st.integers(1, 40)
HOLDERS = st.sampled_from([BOT, TO_AOIFE, one.TO_MAREK, TEAM, TO_FIN, NOBODY])
STAFF = st.sampled_from([AOIFE, MAREK, AI])
FACTS: st.SearchStrategy[Fact] = st.one_of(
    st.builds(one.says, SECONDS, st.sampled_from([CUSTOMER, AOIFE, AI, FIN])),
    st.builds(one.notes, SECONDS),
    st.builds(one.assigns, SECONDS, HOLDERS, STAFF),
    st.builds(one.sees, SECONDS, HOLDERS, st.booleans()),
    st.builds(one.closes, SECONDS),
    st.builds(one.reopens, SECONDS),
    st.builds(one.snoozes, SECONDS, st.booleans()),
    st.builds(one.hands_over, SECONDS, HOLDERS),
    st.builds(one.hands_back, SECONDS),
    st.builds(one.copilot, SECONDS, st.booleans()),
    st.builds(one.finishes, SECONDS),
)
# One fact per id and kind, as the store keeps them; no channel puts two of one id in one place.
STORIES = st.lists(FACTS, max_size=14, unique_by=(lambda fact: (fact.id, type(fact)), place))
POLICIES = st.builds(
    Policy,
    answer_when_unassigned=st.booleans(),
    answer_when_assigned=st.booleans(),
    first_mode=st.sampled_from(["ai", "copilot"]),
    on_unassigned=st.sampled_from(["keep", "ai", "human"]),
    takeover_on_reply=st.booleans(),
    other_bot=st.sampled_from(["ignore", "human"]),
    answer_email=st.booleans(),
)


def seen(story: Story) -> tuple[object, ...]:
    return story.thread, story.runs, story.markers


@given(facts=STORIES, policy=POLICIES, random=st.randoms(use_true_random=False))
def test_the_order_of_arrival_makes_no_difference(
    facts: list[Fact], policy: Policy, random: Random
) -> None:
    shuffled = list(facts)
    random.shuffle(shuffled)
    assert seen(fold(shuffled, policy)) == seen(fold(facts, policy))


@given(facts=STORIES, policy=POLICIES)
def test_one_by_one_in_order_is_the_same_as_all_at_once(facts: list[Fact], policy: Policy) -> None:
    thread = Thread()
    markers: list[Marker] = []
    for fact in sorted(facts, key=place):
        done = apply(thread, fact, policy)
        thread = done.thread
        markers += done.markers
    story = fold(facts, policy)
    assert thread == story.thread
    assert markers == [marker for _, marker in story.markers]
    assert thread.newest == max(map(place, facts), default=Thread().newest)


@given(facts=STORIES, policy=POLICIES)
def test_what_the_record_relies_on(facts: list[Fact], policy: Policy) -> None:
    story = fold(facts, policy)
    runs = list(story.runs.values())
    assert all(run.finished_at is not None for run in runs[:-1])
    assert [run.opened_at for run in runs] == sorted(run.opened_at for run in runs)
    for run in runs:
        # The database's own rules (chat_sessions).
        assert run.waiting_since is None or (run.mode == "human" and run.finished_at is None)
        assert run.mode != "human" or run.responsible.kind != "ai"
    ids = [marker.id for _, marker in story.markers]
    assert len(set(ids)) == len(ids)


@given(facts=STORIES, policy=POLICIES)
def test_more_facts_never_take_a_session_away(facts: list[Fact], policy: Policy) -> None:
    for missing in range(len(facts)):
        fewer = facts[:missing] + facts[missing + 1 :]
        assert len(fold(fewer, policy).runs) <= len(fold(facts, policy).runs)


@settings(max_examples=500)
@given(facts=STORIES, policy=POLICIES, which=st.integers(0, 13))
def test_a_neutral_fact_that_comes_late_changes_nothing(
    facts: list[Fact], policy: Policy, which: int
) -> None:
    if not facts:
        return
    late = facts[which % len(facts)]
    others = fold([fact for fact in facts if fact is not late], policy)
    if place(late) < others.thread.newest and is_neutral(late, others.thread):
        story = fold(facts, policy)
        assert story.thread == others.thread
        assert story.markers == others.markers
        assert stored(story) == stored(others)


@settings(max_examples=500)
@given(facts=STORIES, policy=POLICIES)
def test_idle_snapshots_may_be_left_out_as_they_arrive(facts: list[Fact], policy: Policy) -> None:
    kept: list[Fact] = []
    for fact in facts:  # in any order, as the record takes them
        read = isinstance(fact, AssigneeSeen) and fact.read
        if read or not is_idle(fact, fold(kept, policy).thread):
            kept.append(fact)
    whole, fewer = fold(facts, policy), fold(kept, policy)
    assert replace(fewer.thread, newest=whole.thread.newest) == whole.thread
    assert (fewer.runs, fewer.markers) == (whole.runs, whole.markers)


def test_that_nobody_holds_what_a_person_began_is_a_guess() -> None:
    # If the customer turns out to have written first, the snapshot is what first told the assignee.
    thread = told(says(2, AOIFE)).thread
    assert thread.assignee == NOBODY
    assert not is_idle(one.sees(3, NOBODY), thread)
    assert is_idle(one.sees(4, NOBODY), told(says(2, AOIFE), one.assigns(3, NOBODY)).thread)


def test_a_read_left_out_errs_towards_silence_until_the_next_one() -> None:
    # The one place where the order still shows: a stale snapshot that comes after the read which
    # refutes it. `assumed` has the conversation read again.
    known = says(1), one.assigns(2, BOT)
    read, stale = one.sees(5, BOT, read=True), one.sees(4, TO_AOIFE)
    assert is_idle(read, told(*known).thread)
    assert told(*known, stale, read).thread.state == "ai"
    assert told(*known, stale).thread.state == "human"
    assert told(*known, stale).thread.assumed
    assert told(*known, stale, one.sees(6, BOT, read=True)).thread.state == "ai"


def stored(story: Story) -> list[object]:
    """The runs as far as a session's row tells them."""
    return [
        replace(run, customer_spoke_last=False, last_public_at=ORIGIN)
        for run in story.runs.values()
    ]


def test_an_answer_heard_late_still_answers() -> None:
    # A receipt tells the bot's word and nothing else; a note had come before it.
    before = told(says(1), notes(3)).thread
    assert before.run is not None
    assert before.run.customer_spoke_last
    assert not is_neutral(says(2, AI), before)
    assert not last(says(1), says(2, AI), notes(3)).customer_spoke_last


@pytest.mark.parametrize("fact", [one.reopens(2), one.snoozes(2)])
def test_what_leaves_a_marker_is_not_neutral(fact: Fact) -> None:
    assert not is_neutral(fact, told(says(1), says(3)).thread)
