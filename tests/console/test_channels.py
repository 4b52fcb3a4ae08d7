"""Channels: whether each is well, what waits, and what is left of its limits; for admins alone."""

from __future__ import annotations

import json
import re

import pytest

from gateway.store.models import (
    Backfill,
    Conversation,
    Doubt,
    InboxDelivery,
    Installation,
    Reconciliation,
)
from tests.api.house import CHANNEL
from tests.api.test_deliveries import payload, post, unreadable
from tests.console.house import ConsoleHouse, words
from tests.services.statements import counted

SCRIPT = "'\"><img src=x onerror=alert(1)><script>alert(2)</script>"


def test_a_channel_of_which_nothing_was_heard(house: ConsoleHouse) -> None:
    said = words(house.browser("admin").html("/channels"))
    for text in (
        CHANNEL, "Healthy", "Last notification None yet", "Errors in a row 0 of 1,000",
        "Rate limit Not known", "Clock Not measured", "Reconciled Never", "Reconcile now",
        "Customers for people None", "To be sent None",
    ):  # fmt: skip
        assert text in said, text


def test_the_last_notification_is_told_at_once(house: ConsoleHouse) -> None:
    post(house, json.dumps(payload("conversation.user.created")).encode())
    assert "Last notification just now" in words(house.browser("admin").html("/channels"))
    told = house.get(f"/channels/{CHANNEL}/health").json
    assert told["last_notification_at"].startswith(f"{house.clock.now():%Y-%m-%dT%H:%M:%S}")


def test_what_is_wrong_says_what_to_do(house: ConsoleHouse) -> None:
    post(house, json.dumps(payload("conversation.user.created")).encode())
    post(house, unreadable())
    house.clock.advance(61)
    for _ in range(3):
        post(house, b"{}", "another secret")
    assert house.answers.flush()
    html = house.browser("admin").html("/channels")
    said = words(html)
    assert "1 wrong" in said
    assert f"/console/deliveries?channel={CHANNEL}" in html
    assert "Errors in a row 3 of 1,000, then Intercom pauses for 15 min" in said
    assert 'value="3"' in html
    told = house.get(f"/channels/{CHANNEL}/health").json
    assert (told["errors_in_a_row"], told["clock_skew_s"]) == (3, None)


def test_what_waits_and_since_when(on_both: ConsoleHouse) -> None:
    house = on_both
    session = house.session()
    house.post(f"/sessions/{session}/handover", {})
    house.post(f"/sessions/{session}/notes", {"text": "Look"})
    house.session("1002")
    said = words(house.browser("admin").html("/channels"))
    assert "Customers for people 1 the oldest" in said
    assert re.search(r"Questions to the AI 1 the oldest just now", said)
    assert re.search(r"To be sent [1-9] the oldest", said)


def test_reconciling_now_shows_its_progress(house: ConsoleHouse) -> None:
    house.session()
    admin = house.browser("admin")
    (path,) = re.findall(r'data-act="POST (/channels/[^"]+/passes)"', admin.html("/channels"))
    begun = admin.api("POST", path).json
    html = admin.html("/channels")
    assert "Listing what changed: 0 found" in words(html)
    assert "every 2s" in html

    def walk(db) -> None:  # type: ignore[no-untyped-def]
        db.session.query(Reconciliation).update(
            {"found": 9, "doubted": 4, "read": 3, "repaired": 1, "listed_at": house.now}
        )
        db.add(
            Doubt(
                conversation_id=db.session.query(Conversation.id).first()[0],
                reconciliation_id=begun["id"], doubted_at=house.now, due_at=house.now,
            )
        )  # fmt: skip

    house.database.write(walk)
    part = admin.part("/channels").text
    assert "<html" not in part
    assert "3 of 4 read, 1 repaired" in words(part)
    assert re.search(r'<progress[^>]*max="4" value="3"', part)
    assert "To be read again 1" in words(part)

    def end(db) -> None:  # type: ignore[no-untyped-def]
        db.session.query(Doubt).delete()
        db.session.query(Reconciliation).update({"ended_at": house.now})

    house.database.write(end)
    said = words(admin.html("/channels"))
    assert "Reconciled just now 9 changed, 1 repaired" in said
    assert "Reconcile now" in said


def test_importing_the_past_from_its_beginning_to_its_end(on_both: ConsoleHouse) -> None:
    house = on_both
    house.session()
    admin = house.browser("admin")
    html = admin.html("/channels")
    assert "Past Not imported Import the past" in words(html)
    (path,) = re.findall(r'data-act="POST (/channels/[^"]+/backfills)"', html)
    assert admin.api("POST", path).status_code == 200
    html = admin.html("/channels")
    assert "asking who is there" in words(html)
    assert "every 2s" in html
    told = {"expected": 9, "found": 5, "known": 2, "read": 3, "gone": 1, "trouble": SCRIPT}
    house.database.write(lambda db: db.session.query(Backfill).update(told))
    html = admin.html("/channels")
    assert "4 of 7 conversations imported, listing more" in words(html)
    assert re.search(r'<progress[^>]*max="7" value="4"', html)
    assert "alert(2)" in html
    assert "<img src=x" not in html
    (stop,) = re.findall(r'data-act="POST (/channels/[^"]+/stop)"', html)

    def end(db) -> None:  # type: ignore[no-untyped-def]
        home = db.session.query(Installation.id).first()[0]
        db.session.query(Backfill).update({"installation_id": home, "horizon": 1})
        counts = {"messages": 12, "lost": 6, "failed": 1, "trouble": None}
        db.session.query(Backfill).update({"listed_at": house.now, "ended_at": house.now, **counts})

    house.database.write(end)
    said = words(admin.html("/channels"))
    assert "Past Imported just now 3 conversations, 12 messages" in said
    assert "6 old parts are more than Intercom tells; 1 could not be read" in said
    assert "Import the past" in said
    assert admin.api("POST", stop).status_code == 409

    house.database.write(lambda db: db.session.query(Backfill).update({"ended_at": None}))
    assert admin.api("POST", stop).status_code == 200
    assert "Past Stopped just now 3 conversations" in words(admin.html("/channels"))


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_channels_are_for_admins(house: ConsoleHouse, role: str) -> None:
    answer = house.browser(role).get("/channels")
    assert answer.status_code == 403
    assert "Reconcile" not in answer.text
    assert house.browser(role).api("POST", f"/channels/{CHANNEL}/passes").status_code == 403


def test_nothing_that_a_channel_says_can_be_run(house: ConsoleHouse) -> None:
    house.session()
    admin = house.browser("admin")
    admin.api("POST", f"/channels/{CHANNEL}/passes")
    house.database.write(lambda db: db.session.query(Reconciliation).update({"trouble": SCRIPT}))
    html = admin.html("/channels")
    assert "alert(2)" in html
    assert "<img src=x" not in html
    assert "<script>" not in html


def test_a_fixed_number_of_statements(on_both: ConsoleHouse) -> None:
    house = on_both
    admin = house.browser("admin")

    def costs() -> int:
        with counted(house.database) as said:
            admin.html("/channels")
        return len(said)

    house.session("1000")
    few = costs()
    for number in range(10):
        session = house.session(str(number))
        house.post(f"/sessions/{session}/handover", {})
        post(house, unreadable(f"n{number}"))
    house.database.write(lambda db: db.session.query(InboxDelivery).update({"state": "failed"}))
    assert costs() == few <= 40
