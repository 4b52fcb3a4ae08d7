"""Our own assignments as the channel confirms them: who is told to have assigned whom, and when."""

from __future__ import annotations

from typing import Any

from gateway.events import NOBODY, Actor, Assigned, HandedOver, ResponsibleSet
from tests.handover.facts import (
    AI,
    AOIFE,
    BOT,
    SAM,
    TO_AOIFE,
    TO_MAREK,
    assigns,
    at,
    copilot,
    hands_back,
    hands_over,
    kinds,
    last,
    says,
    told,
)


def sets(second: int, how: Any, to: Any, by: Actor) -> ResponsibleSet:
    return ResponsibleSet(
        conversation="1", id=f"act{second}", at=at(second, number=-1), how=how, to=to, name=None,
        by=by,
    )  # fmt: skip


def confirms(second: int, act: int, to: Any) -> Assigned:
    return assigns(second, to, by=AI, settles=f"act{act}")


ACCEPTED = [says(1), hands_over(2), confirms(3, 2, NOBODY), sets(4, "accepted", TO_AOIFE, AOIFE)]


def test_a_released_session_is_told_at_once_and_once() -> None:
    facts = [*ACCEPTED, confirms(5, 4, TO_AOIFE), sets(6, "released", NOBODY, AOIFE)]
    assert kinds(*facts) == ["handover", "assigned", "unassigned"]
    assert kinds(*facts, confirms(7, 6, NOBODY)) == ["handover", "assigned", "unassigned"]


def test_what_confirms_an_acceptance_after_its_release_gives_nothing_back() -> None:
    facts = [*ACCEPTED, sets(5, "released", NOBODY, AOIFE), confirms(6, 4, TO_AOIFE)]
    run = last(*facts)
    assert (run.responsible.kind, run.wait and run.wait.step) == ("unassigned", "accept")
    run = last(*facts, confirms(7, 5, NOBODY))
    assert (run.responsible.kind, run.wait and run.wait.step) == ("unassigned", "accept")


def test_a_teammate_who_takes_it_meanwhile_loses_it_to_the_one_who_arrives_last() -> None:
    """Assigned by us while on the wire, then to another in the channel, then ours arrived there."""
    facts = [says(1), hands_over(2, TO_MAREK), assigns(3, TO_AOIFE)]
    assert last(*facts, confirms(4, 2, TO_MAREK)).responsible.id == TO_MAREK.id


def by_whom(*facts: Any) -> list[str | None]:
    return [one.by.name for _, one in told(*facts).markers if one.kind == "assigned"]


def test_who_assigned_is_whoever_did_it_last() -> None:
    accepted = [*ACCEPTED, confirms(5, 4, TO_AOIFE)]
    assert by_whom(*accepted) == ["Aoife"]
    again = HandedOver(
        conversation="1", id="act8", at=at(8, number=-1), trigger="manual", by=SAM, reason="",
        to=TO_MAREK,
    )  # fmt: skip
    facts = [*accepted, hands_back(6), confirms(7, 6, BOT), again]
    assert by_whom(*facts, confirms(9, 8, TO_MAREK)) == ["Aoife", "Sam"]


def test_the_copilots_seat_is_assigned_once_by_whoever_took_it() -> None:
    on = [says(1), copilot(2), confirms(3, 2, TO_AOIFE)]
    assert kinds(*on) == ["copilot_on", "assigned"]
    assert by_whom(*on) == ["Sam"], "whose seat in the channel that is"
    off = [*on, copilot(4, on=False), confirms(5, 4, TO_AOIFE)]
    assert kinds(*off) == ["copilot_on", "assigned", "copilot_off"]
