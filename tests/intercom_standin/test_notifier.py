"""Delivering: signatures, retries, what the answer means, order, the extra calls."""

from __future__ import annotations

import hashlib
import hmac
import threading

import pytest

from intercom_standin import StandIn
from intercom_standin.cast import AOIFE_ID
from intercom_standin.signing import hub_signature
from tests.intercom_standin.conftest import FakeClock, Receiver


def test_the_signature_is_that_of_the_test_vector() -> None:
    body = (
        b'{"type":"notification_event","id":"notif_1","topic":"conversation.user.created",'
        b'"app_id":"abc","created_at":1700000000,"data":{"type":"notification_event_data",'
        b'"item":{"type":"conversation","id":"1"}}}'
    )
    assert hub_signature(body, "intercom_secret") == "sha1=e0d6deaa5785a871c44a56b6c3138ce190b6cc98"


def test_a_delivery_is_signed_over_the_raw_body(standin: StandIn, receiver: Receiver) -> None:
    outcome = standin.world.customer_starts("Grüße 🙂", email="nora@customer.example")
    deliveries = standin.notifier.deliver_pending()
    assert [one.ok for one in deliveries] == [True, True]
    got = receiver.got[1]
    expected = hmac.new(b"standin-client-secret", got.raw, hashlib.sha1).hexdigest()
    assert got.headers["X-Hub-Signature"] == f"sha1={expected}"
    assert got.headers["User-Agent"] == "intercom-parrot-service-client/1.0"
    assert got.headers["Content-Type"] == "application/json"
    envelope = got.json
    assert envelope["id"] == outcome.notifications[1].id
    assert envelope["topic"] == "conversation.user.created"
    assert envelope["app_id"] == "abc123std"
    assert envelope["delivery_attempts"] == 1
    assert envelope["delivery_status"] == "pending"
    assert envelope["created_at"] == envelope["first_sent_at"] == 1_790_000_000


def test_one_retry_and_then_it_is_gone(
    standin: StandIn, receiver: Receiver, clock: FakeClock
) -> None:
    receiver.statuses = [503, 500]
    standin.world.add_contact("Nora")
    (first,) = standin.notifier.deliver_pending()
    assert (first.outcome, first.status, first.attempt) == ("retry", 503, 1)
    clock.advance(60)
    (second,) = standin.notifier.deliver_retries()
    assert (second.outcome, second.attempt) == ("dropped", 2)
    assert standin.notifier.deliver_retries() == []
    assert [one.json["delivery_attempts"] for one in receiver.got] == [1, 2]
    assert {one.json["id"] for one in receiver.got} == {first.notification_id}
    assert {one.json["first_sent_at"] for one in receiver.got} == {1_790_000_000}
    assert [one.id for one in standin.notifier.dropped] == [first.notification_id]


def test_410_disables_the_subscription(standin: StandIn, receiver: Receiver) -> None:
    receiver.statuses = [410]
    standin.world.add_contact("Nora")
    (delivery,) = standin.notifier.deliver_pending()
    assert delivery.outcome == "disabled"
    standin.world.add_contact("Tomas")
    assert standin.notifier.pending == []
    assert len(standin.notifier.dropped) == 1
    standin.notifier.enable()
    standin.world.add_contact("Eve")
    assert len(standin.notifier.pending) == 1


def test_429_throttles_up_to_two_hours(standin: StandIn, receiver: Receiver) -> None:
    receiver.statuses = [429] * 50
    standin.world.add_contact("Nora")
    outcomes = [one.outcome for one in standin.notifier.deliver_pending()]
    while due := standin.notifier.take_retries():
        outcomes += [standin.notifier.deliver(one).outcome for one in due]
    # 1 minute, then doubling: 1 + 1 + 2 + 4 + … stays within 120 minutes seven times.
    assert outcomes == ["throttled"] * 7 + ["dropped"]


def test_over_a_thousand_errors_pause_the_subscription(standin: StandIn, clock: FakeClock) -> None:
    standin.notifier.url = None  # every attempt fails, quickly
    notification = standin.world.add_contact("Nora").notifications[0]
    for _ in range(1001):
        standin.notifier.deliver(notification)
    standin.notifier.take()
    standin.world.add_contact("lost")
    assert standin.notifier.pending == []
    clock.advance(15 * 60)
    standin.world.add_contact("heard again")
    assert len(standin.notifier.pending) == 1


def test_an_answer_that_takes_too_long_is_retried(receiver: Receiver) -> None:
    receiver.hold = threading.Event()
    with StandIn(receiver.url, mode="manual", timeout_s=0.2) as standin:
        standin.world.add_contact("Nora")
        (delivery,) = standin.notifier.deliver_pending()
        receiver.hold.set()
        assert (delivery.status, delivery.error) == (None, "ReadTimeout")
        assert delivery.outcome == "retry"
        (again,) = standin.notifier.deliver_retries()
        assert (again.ok, again.attempt) == (True, 2)


def test_auto_mode_delivers_and_retries_by_itself(receiver: Receiver) -> None:
    receiver.statuses = [500]
    with StandIn(receiver.url, retry_after_s=0.05) as standin:
        standin.world.add_contact("Nora")
        assert standin.notifier.wait_idle(5, retries=True)
        assert [one.attempt for one in standin.notifier.log] == [1, 2]
        assert standin.notifier.log[-1].ok


def test_auto_mode_delivers_in_parallel(receiver: Receiver) -> None:
    receiver.hold = threading.Event()
    with StandIn(receiver.url) as standin:
        started = standin.world.customer_starts("Hello").conversation_id
        standin.world.assign(started, AOIFE_ID)
        deadline = threading.Event()
        for _ in range(250):
            if len(receiver.got) == 4:
                break
            deadline.wait(0.02)
        # All four are on the wire although none has been answered.
        assert sorted(receiver.topics) == [
            "contact.lead.created",
            "conversation.admin.assigned",
            "conversation.admin.open.assigned",
            "conversation.user.created",
        ]
        receiver.hold.set()
        assert standin.notifier.wait_idle(5)


def test_only_subscribed_topics_are_sent(receiver: Receiver) -> None:
    topics = ["conversation.user.created"]
    with StandIn(receiver.url, mode="manual", topics=topics) as standin:
        standin.world.customer_starts("Hello")
        assert [one.topic for one in standin.notifier.take()] == topics


def test_a_replay_is_the_same_bytes(standin: StandIn, receiver: Receiver) -> None:
    standin.world.add_contact("Nora")
    (delivery,) = standin.notifier.deliver_pending()
    assert standin.notifier.redeliver(delivery) == 200
    assert receiver.got[0].raw == receiver.got[1].raw
    assert receiver.got[0].headers == receiver.got[1].headers


def test_ping_has_no_id(standin: StandIn, receiver: Receiver) -> None:
    assert standin.notifier.ping().ok
    assert receiver.got[0].json["id"] is None
    assert receiver.got[0].json["delivery_status"] is None


def test_head_uninstall_and_health(standin: StandIn, receiver: Receiver) -> None:
    assert standin.notifier.head_check() == 200
    assert standin.notifier.uninstall() == 200
    assert standin.notifier.health() == 200
    head, uninstall, health = receiver.got
    assert head.method == "HEAD"
    assert uninstall.path == "/webhooks/acme/uninstall"
    assert uninstall.json == {"app_id": "abc123std"}
    assert health.path == "/webhooks/acme/health"
    expected = hmac.new(b"standin-client-secret", health.raw, hashlib.sha256).hexdigest()
    assert health.headers["X-Body-Signature"] == expected
    assert "X-Hub-Signature" not in health.headers


def test_notifications_leave_after_the_lock_is_released(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    free: list[bool] = []

    def listener(_: object) -> None:
        thread = threading.Thread(target=lambda: free.append(standin.world.lock.acquire(timeout=1)))
        thread.start()
        thread.join()

    standin.world.listener = listener
    standin.world.add_contact("Nora")
    assert free == [True]
