"""A channel that is paused: what is owed waits, what is reported is taken in, and all goes on."""

from __future__ import annotations

import threading

from gateway.sync.jobs import Bench
from intercom_standin.cast import AOIFE_ID, MAREK_ID
from tests.installing.town import APP, EAST, WEST, Town
from tests.rig import BOT

CHANNEL = f"{APP}.{EAST}"


def state(it: Town, app_id: str = EAST) -> tuple[str, str | None]:
    told = it.api("GET", f"/channels/{APP}.{app_id}/installation").json()
    return told["state"], told["why"]


def test_nothing_is_lost_between_revoking_and_installing_again(on_both: Town) -> None:
    it = on_both
    it.install(EAST)
    it.install(WEST)
    east = it.workspaces[EAST].world
    first, second, third = (
        east.customer_starts(text, name=text).conversation.id for text in ("One", "Two", "Three")
    )
    it.settle()

    # The token is revoked while two answers are on their way.
    it.public.revoke(EAST)
    east.customer_replies(first, "One more")
    east.customer_replies(second, "Two more")
    it.settle()
    assert state(it) == ("revoked", "its token is refused")
    assert it.session(EAST).mode == "ai"
    assert {(p.state, p.tried_at) for p in it.pushes(EAST) if p.state != "sent"} == {("owed", None)}
    it.look()
    it.clock.advance(61)
    it.look()
    health = it.api("GET", f"/channels/{CHANNEL}/health").json()
    assert [one["code"] for one in health["findings"] if not one["ok"]] == ["paused"]
    assert [one["code"] for one in health["alerts"]] == ["paused"]
    listed = it.api("GET", "/channels").json()["items"]
    assert {one["name"]: one["paused"] for one in listed} == {
        CHANNEL: "its token is refused", f"{APP}.{WEST}": None,
    }  # fmt: skip
    page = it.browser.get(f"{it.url}/console/channels", timeout=10).text
    assert "the channel is paused: its token is refused" in page
    assert "East &lt;b&gt;Ltd&lt;/b&gt;" in page
    assert "<b>Ltd" not in page

    # Notifications still come, and are applied: a person takes the second one over.
    east.assign(second, f"admin:{AOIFE_ID}", by=AOIFE_ID)
    # A question that comes now is not even asked.
    asked = len(it.agent.turns)
    east.customer_replies(third, "Three more")
    it.settle()
    assert len(it.agent.turns) == asked
    # The other workspace does not notice.
    other = it.workspaces[WEST].world.customer_starts("West").conversation.id
    it.settle()
    assert it.said_by_bot(WEST, other) == ["AI: West"]

    # Hours pass; nobody is handed over, nothing fails.
    for _ in range(4):
        it.clock.advance(1801)
        it.work()
    assert [p.error for p in it.pushes(EAST) if p.state == "failed"] == []
    assert len(it.agent.turns) == asked + 1

    # Then the app is removed: nothing comes any more, and a person takes the first one unheard.
    assert it.public.uninstall(EAST) == 200
    assert state(it) == ("uninstalled", "the app was uninstalled there")
    east.assign(first, f"admin:{MAREK_ID}", by=MAREK_ID)
    east.admin_replies(first, MAREK_ID, "I have got this")
    fourth = east.customer_starts("Four", name="Four").conversation.id
    it.workspaces[EAST].notifier.take()
    it.settle()
    it.clock.advance(60)

    it.install(EAST, seat=False)
    assert state(it) == ("active", None)
    for _ in range(3):
        it.clock.advance(60)  # what has only just happened may be on its way, and is read later
        it.settle()
    # One answer where the AI is in charge, and none where a person took over, heard or unheard.
    assert it.said_by_bot(EAST, first) == ["AI: One"]
    assert it.said_by_bot(EAST, second) == ["AI: Two"]
    assert it.said_by_bot(EAST, third) == ["AI: Three", "AI: Three more"]
    assert it.said_by_bot(EAST, fourth) == ["AI: Four"]
    assert "operator: I have got this" in it.history(EAST)
    assert {p.state for p in it.pushes(EAST)} <= {"sent", "cancelled"}
    it.look()
    it.clock.advance(61)
    it.look()
    assert it.api("GET", f"/channels/{CHANNEL}/health").json()["alerts"] == []
    entries = it.api("GET", "/audit?limit=100").json()["items"]
    acts = [one["action"] for one in reversed(entries) if one["object"]["id"] == CHANNEL]
    assert acts == ["install_app", "change_installation", "pause_channel", "uninstall_app",
                    "install_app"]  # fmt: skip


def test_until_there_is_a_seat_questions_wait(it: Town) -> None:
    it.install(EAST, seat=False)
    assert state(it)[0] == "seatless"
    east = it.workspaces[EAST].world
    conversation = east.customer_starts("Hello").conversation.id
    it.settle()
    assert it.agent.turns == []
    it.decide(EAST, seat=BOT)
    it.settle()
    assert it.said_by_bot(EAST, conversation) == ["AI: Hello"]
    # Another seat, later: from then on it is the AI's.
    it.decide(EAST, seat=str(MAREK_ID))
    east.customer_replies(conversation, "And now?")
    it.settle()
    # Whoever held a conversation holds it still; new ones are the new seat's.
    assert it.session(EAST).mode == "human"
    other = east.customer_starts("Anybody?").conversation.id
    it.settle()
    said = [part for part in east.conversations[other].parts if part.body]
    assert [str(part.author.id) for part in said] == [str(MAREK_ID)]


def test_a_refusal_that_was_no_revocation(it: Town) -> None:
    it.install(EAST)
    gate = it.workspaces[EAST].gate
    right = gate.token
    conversation = it.workspaces[EAST].world.customer_starts("Hello").conversation.id
    it.workspaces[EAST].faults.add("unavailable", where="get", count=None)
    it.settle("turns", "deliver")
    assert [(p.state, p.tried_at is not None) for p in it.pushes(EAST)] == [("owed", True)]
    it.workspaces[EAST].faults.clear()
    gate.token = "not for now"
    it.clock.advance(3)
    it.settle()
    assert state(it)[0] == "revoked"
    it.clock.advance(7200)  # far longer than anybody is patient
    gate.token = right
    assert it.api("POST", f"/channels/{CHANNEL}/installation/retries").status_code == 200
    assert it.api("POST", f"/channels/{CHANNEL}/installation/retries").status_code == 409
    it.settle()
    assert state(it) == ("active", None)
    assert it.said_by_bot(EAST, conversation) == ["AI: Hello"]


def test_what_is_imported_rests_and_goes_on_at_once(it: Town) -> None:
    it.install(EAST)
    for number in range(3):
        it.workspaces[EAST].world.customer_starts(f"Old words {number}")
    it.workspaces[EAST].notifier.take()
    it.clock.advance(400)
    begun = it.api("POST", f"/channels/{CHANNEL}/backfills").json()["id"]

    def seen() -> dict[str, object]:
        told: dict[str, object] = it.api("GET", f"/channels/{CHANNEL}/backfills/{begun}").json()
        return told

    it.parts.refresh()
    sync = it.bench.works["sync"]
    for _ in range(2):  # whose workspace it is, and the list
        assert begun in sync.due(50)
        sync.do(begun)
    assert seen()["waiting"] == 3
    gate = it.workspaces[EAST].gate
    right, gate.token = gate.token, "not for now"
    for _ in range(3):  # a read finds it out, the list and the other reads find it resting
        it.work()
        it.clock.advance(29)
    assert (state(it)[0], seen()["read"]) == ("revoked", 0)
    it.clock.advance(10)
    it.work()
    gate.token = right
    assert it.api("POST", f"/channels/{CHANNEL}/installation/retries").status_code == 200
    it.bench = Bench(it.parts, threading.Event())  # another worker: it has heard of no rest
    it.work()
    assert (seen()["read"], seen()["trouble"]) == (3, None)
    it.work()
    assert seen()["ended_at"] is not None


def test_disconnected_here(it: Town) -> None:
    it.install(EAST)
    assert it.api("DELETE", f"/channels/{CHANNEL}/installation").json()["state"] == "uninstalled"
    conversation = it.workspaces[EAST].world.customer_starts("Hello").conversation.id
    calls = len(it.workspaces[EAST].requests)
    it.settle()
    assert len(it.workspaces[EAST].requests) == calls
    it.install(EAST, seat=False)
    it.settle()
    assert it.said_by_bot(EAST, conversation) == ["AI: Hello"]
