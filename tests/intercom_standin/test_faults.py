"""Each fault does what it says, as often as it says, and nothing else."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests

from intercom_standin import StandIn
from intercom_standin.cast import AOIFE_ID
from intercom_standin.faults import Faults
from intercom_standin.gate import Call
from tests.intercom_standin.conftest import Api, Receiver


@pytest.fixture
def conversation_id(standin: StandIn) -> str:
    started = standin.world.customer_starts("Hello").conversation_id
    standin.world.assign(started, "bot")
    standin.notifier.take()
    return started


@pytest.fixture
def reply(api: Api, conversation_id: str) -> Any:
    body = {"type": "admin", "message_type": "comment", "admin_id": "814860", "body": "Hi"}
    return lambda: api("POST", f"/conversations/{conversation_id}/reply", body)


def comments(standin: StandIn, conversation_id: str) -> int:
    parts = standin.world.snapshot(conversation_id).parts
    return sum(one.part_type == "comment" for one in parts)


@pytest.mark.parametrize(
    ("fault", "status", "effects"),
    [
        ("rate_limited", 429, 0),
        ("server_error", 500, 0),
        ("unavailable", 503, 0),
        ("server_error_after", 500, 1),
    ],
)
def test_refusals(
    standin: StandIn, reply: Any, conversation_id: str, fault: str, status: int, effects: int
) -> None:
    standin.faults.add(fault, where="reply")
    assert reply().status_code == status
    assert comments(standin, conversation_id) == effects
    assert reply().status_code == 200
    assert standin.requests[-2].fault == fault
    assert standin.faults.active() == []


@pytest.mark.parametrize(("fault", "effects"), [("timeout_before", 0), ("timeout_after", 1)])
def test_timeouts_drop_the_connection_before_or_after_the_effect(
    standin: StandIn, reply: Any, conversation_id: str, fault: str, effects: int
) -> None:
    standin.faults.add(fault, where="effect")
    with pytest.raises(requests.ConnectionError):
        reply()
    assert comments(standin, conversation_id) == effects
    assert (standin.requests[-1].status, standin.requests[-1].changed) == (None, bool(effects))
    assert len(standin.notifier.take()) == effects


def test_a_late_effect_happens_when_it_is_released(
    standin: StandIn, reply: Any, conversation_id: str
) -> None:
    standin.faults.add("late_effect", where="reply")
    with pytest.raises(requests.ConnectionError):
        reply()
    assert comments(standin, conversation_id) == 0
    assert standin.faults.release_late() == 1
    assert comments(standin, conversation_id) == 1
    assert [one.topic for one in standin.notifier.take()] == ["conversation.admin.replied"]


def test_a_late_effect_happens_by_itself_after_its_seconds(
    standin: StandIn, reply: Any, conversation_id: str
) -> None:
    happened = threading.Event()
    standin.faults.hooks.after_effect = lambda call: happened.set()
    standin.faults.add("late_effect", where="reply", seconds=0.05)
    with pytest.raises(requests.ConnectionError):
        reply()
    assert happened.wait(5)
    assert comments(standin, conversation_id) == 1


def test_slow_answers_come(standin: StandIn, reply: Any) -> None:
    standin.faults.add("slow", where="reply", seconds=0.1)
    assert reply().status_code == 200
    assert standin.requests[-1].seconds >= 0.1


def test_a_fault_is_limited_to_its_kind_and_count(standin: StandIn, reply: Any, api: Api) -> None:
    standin.faults.add("server_error", where="note")
    standin.faults.add("unavailable", where="reply", count=2)
    assert [reply().status_code for _ in range(3)] == [503, 503, 200]
    assert api("GET", "/me").status_code == 200
    assert [one.kind for one in standin.faults.active()] == ["server_error"]
    standin.faults.clear()
    assert standin.faults.active() == []


def test_stale_assignees(standin: StandIn, api: Api, conversation_id: str) -> None:
    standin.faults.add("stale_assignee", where="conversation.admin.assigned")
    standin.world.assign(conversation_id, AOIFE_ID)
    items = {one.topic: one.item for one in standin.notifier.take()}
    assert items["conversation.admin.assigned"]["admin_assignee_id"] == 814860
    part = items["conversation.admin.assigned"]["conversation_parts"]["conversation_parts"][0]
    assert part["assigned_to"]["id"] == str(AOIFE_ID)
    assert items["conversation.admin.open.assigned"]["admin_assignee_id"] == AOIFE_ID
    standin.faults.add("stale_assignee", where="get")
    path = f"/conversations/{conversation_id}"
    seen = [api("GET", path).json()["admin_assignee_id"] for _ in range(2)]
    assert seen == [814860, AOIFE_ID]


def test_a_contact_can_be_merged_under_our_hands(
    standin: StandIn, api: Api, conversation_id: str
) -> None:
    contact_id = standin.world.conversation(conversation_id).contact.id
    standin.faults.add("contact_merged")
    assert api("GET", f"/contacts/{contact_id}").status_code == 404
    survivor = standin.world.conversation(conversation_id).contact.id
    assert survivor != contact_id
    assert api("GET", f"/contacts/{survivor}").status_code == 200
    assert standin.notifier.take() == []


def test_notifications_get_lost_doubled_and_out_of_order(
    standin: StandIn, conversation_id: str
) -> None:
    standin.faults.add("drop", where="conversation.user.replied")
    standin.world.customer_replies(conversation_id, "lost")
    assert standin.notifier.take() == []
    standin.faults.add("duplicate")
    standin.world.customer_replies(conversation_id, "twice")
    first, second = standin.notifier.take()
    assert first.id == second.id
    older = standin.world.customer_replies(conversation_id, "one").notifications[0]
    standin.faults.add("reorder")
    newer = standin.world.customer_replies(conversation_id, "two").notifications[0]
    assert [one.id for one in standin.notifier.take()] == [newer.id, older.id]


def test_a_delayed_notification_comes_later(receiver: Receiver) -> None:
    with StandIn(receiver.url) as standin:
        standin.faults.add("delay", where="contact.lead.created", seconds=0.3)
        standin.world.customer_starts("Hello")
        assert standin.notifier.wait_idle(5)
        assert receiver.topics == ["conversation.user.created", "contact.lead.created"]


def test_the_same_seed_gives_the_same_faults() -> None:
    def struck(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add("drop", probability=0.5, count=None)
        return [faults.draw("drop", "x") is not None for _ in range(50)]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert 5 < sum(struck(1)) < 45


def test_nonsense_faults_are_refused() -> None:
    for wrong in (
        {"kind": "rain"},
        {"kind": "drop", "probability": 2},
        {"kind": "drop", "count": 0},
    ):
        with pytest.raises(ValueError, match=r"fault|probability"):
            Faults().add(**wrong)


def test_an_echo_can_be_delivered_before_the_call_returns(
    standin: StandIn, reply: Any, receiver: Receiver
) -> None:
    standin.notifier.echo_before_return = True
    order: list[str] = []
    standin.faults.hooks.after_effect = lambda call: order.extend(receiver.topics)
    assert reply().status_code == 200
    assert order == ["conversation.admin.replied"]
    assert standin.notifier.pending == []


def test_hooks_let_a_race_be_driven(standin: StandIn, api: Api, conversation_id: str) -> None:
    read, assigned = threading.Event(), threading.Event()

    def wait_until_assigned(call: Call) -> None:
        assert call.kind == "get"
        assert call.conversation_id == conversation_id
        read.set()
        assigned.wait(5)

    standin.faults.hooks.after_read = wait_until_assigned
    answers: list[Any] = []
    thread = threading.Thread(
        target=lambda: answers.append(api("GET", f"/conversations/{conversation_id}").json())
    )
    thread.start()
    assert read.wait(5)
    standin.world.assign(conversation_id, AOIFE_ID)
    assigned.set()
    thread.join(5)
    # The answer was true when it was read, and is not any more.
    assert answers[0]["admin_assignee_id"] == 814860


def test_hooks_see_effects_before_and_after(
    standin: StandIn, reply: Any, conversation_id: str
) -> None:
    counts: list[int] = []
    note = lambda call: counts.append(comments(standin, conversation_id))  # noqa: E731
    standin.faults.hooks.before_effect = standin.faults.hooks.after_effect = note
    reply()
    assert counts == [0, 1]
