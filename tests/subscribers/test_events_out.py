"""Events out: signed, in order, tried again for hours, and nobody waits for somebody else."""

import json
import threading
from typing import Any

import pytest
from standardwebhooks import Webhook
from werkzeug.wrappers import Response

from gateway.events import Actor
from gateway.subscribers.deliveries import JITTER, SCHEDULE_S
from gateway.sync.events import Events
from gateway.sync.jobs import Bench
from tests.subscribers.conftest import Builds
from tests.subscribers.world import SECRET, World

BOB = Actor(kind="operator", id="500", name="Bob")


def no(status: int, **headers: str) -> Response:
    return Response(status=status, headers=headers)


def test_an_event_is_signed_and_tells_what_the_api_tells(both_worlds: Builds) -> None:
    world = both_worlds("crm")
    session = world.house.session()
    world.work()
    assert sorted(world.types("crm")) == ["message.created", "session.started"]
    for headers, body in world.posts["crm"].got:
        event = json.loads(body)
        assert headers["webhook-id"] == event["id"]
        signed = Webhook(SECRET.removeprefix("whsec_")).sign(
            event["id"],
            world.house.clock.now().replace(microsecond=0),
            body.decode(),
        )
        assert headers["webhook-signature"] == signed
        assert event["timestamp"].endswith("Z")
        assert event["data"]["session"] == world.house.get(f"/sessions/{session}").json
    (said,) = [event for event in world.got("crm") if event["type"] == "message.created"]
    (line,) = [
        line
        for line in world.house.get(f"/sessions/{session}/messages").json["items"]
        if line["kind"] == "message"
    ]
    assert said["data"]["message"] == line
    assert line["text"] == "Hello?"


def test_a_change_of_hands_says_who_and_why(worlds: Builds) -> None:
    world = worlds("crm")
    session = world.house.session()
    world.house.post(f"/sessions/{session}/handover", {"reason": "a refund"})
    world.work()
    (event,) = [one for one in world.got("crm") if one["type"] == "session.handed_over"]
    assert event["data"]["trigger"] == "manual"
    assert event["data"]["reason"] == "a refund"
    assert event["data"]["by"]["kind"] == "operator"
    assert event["data"]["session"]["mode"] == "human"


def test_notes_go_only_to_who_asks_for_them_by_name(worlds: Builds) -> None:
    world = worlds("crm", lake={"events": ("note.created",)})
    world.house.session()
    world.house.happen("1001", world.house.noted("1001", "He is upset.", BOB))
    world.work()
    assert "note.created" not in world.types("crm")
    assert all("upset" not in body.decode() for _, body in world.posts["crm"].got)
    assert world.types("lake") == ["note.created"]
    assert world.got("lake")[0]["data"]["message"]["text"] == "He is upset."


def test_a_refusal_is_tried_again_with_the_same_id_for_hours(worlds: Builds) -> None:
    world = worlds(crm={"events": ("session.started",)})
    world.posts["crm"].answers = [no(500)] * (len(SCHEDULE_S) + 1)
    world.house.session()
    world.work()
    for tries, wait_s in enumerate(SCHEDULE_S, 1):
        (owed,) = world.deliveries("crm")
        assert (owed["state"], owed["attempts"], owed["status"]) == ("owed", tries, 500)
        assert world.work(wait_s - 1) == 0
        assert world.work(wait_s * JITTER + 2) > 0
    assert set(world.ids("crm")) == {world.deliveries("crm")[0]["event_id"]}
    assert len(world.ids("crm")) == len(SCHEDULE_S) + 1
    (dead,) = world.deliveries("crm", "dead")
    assert "answered 500" in dead["error"]
    assert world.state("crm")["dead"] == 1
    # ... and once more, by hand, it is taken.
    path = f"/subscribers/crm/deliveries/{dead['id']}/replay"
    assert world.house.post(path, role="operator").status_code == 403
    assert world.house.post(path, role="admin", key="again").json["state"] == "owed"
    assert world.house.post(path, role="admin", key="again").json["state"] == "owed"
    assert world.house.post(path, role="admin").status_code == 409
    world.work(600)
    assert world.deliveries("crm")[0]["state"] == "sent"
    assert len(world.ids("crm")) == len(SCHEDULE_S) + 2
    assert len(set(world.ids("crm"))) == 1


def test_a_session_keeps_its_order_and_holds_up_no_other(both_worlds: Builds) -> None:
    world = both_worlds(crm={"events": ("session.started", "session.assigned", "session.finished")})
    one = world.house.session("1001")
    # It does not like this one event: others are none of its trouble.
    world.posts["crm"].answers = [no(422)]
    world.work()
    other = world.house.session("1002")
    world.house.happen("1001", world.house.assigned("1001", "operator", "500"))
    world.house.happen("1002", world.house.closed("1002"))
    world.work()

    def told(session: str) -> list[str]:
        return [e["type"] for e in world.got("crm") if e["data"]["session"]["id"] == session]

    assert told(one) == ["session.started"]  # refused; the assignment waits for it
    assert told(other) == ["session.started", "session.finished"]
    world.house.happen("1001", world.house.closed("1001"))
    world.work()
    assert told(one) == ["session.started"]
    world.work(7)
    assert told(one) == [
        "session.started", "session.started", "session.assigned", "session.finished",
    ]  # fmt: skip
    assert {row["state"] for row in world.deliveries("crm")} == {"sent"}


def test_who_is_away_rests_and_holds_up_nobody(both_worlds: Builds) -> None:
    world = both_worlds("crm", "lake")
    world.posts["crm"].answers = [no(503)] * 3
    for number in range(12):
        world.house.session(str(2000 + number))
    world.work()
    # The one that is away was tried once, not once for each of what it is owed.
    assert len(world.got("crm")) == 1
    assert world.state("crm")["state"] == "resting"
    assert world.state("crm")["failures"] == 1
    assert len(world.got("lake")) == 24
    world.work(7)
    assert len(world.got("crm")) == 2
    assert world.state("crm")["failures"] == 2
    world.work(15)
    assert len(world.got("crm")) == 3
    world.work(30)
    world.work(400)
    assert world.state("crm")["state"] == "active"
    assert world.state("crm")["error"] is None
    assert len(set(world.ids("crm"))) == 24
    for session in {row["session_id"] for row in world.deliveries("crm")}:
        events = [e["type"] for e in world.got("crm") if e["data"]["session"]["id"] == session]
        assert list(dict.fromkeys(events)) == ["session.started", "message.created"]


def test_two_workers_post_nothing_twice(both_worlds: Builds) -> None:
    world = both_worlds("crm")
    for number in range(12):
        world.house.session(str(2000 + number))
    other = Events(world.house.parts)
    together = threading.Barrier(2)

    def work(events: Events) -> None:
        together.wait(10)
        while keys := events.due(50):
            for key in keys:
                events.do(key)

    workers = [threading.Thread(target=work, args=(one,)) for one in (world.events, other)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sorted(world.types("crm")) == ["message.created"] * 12 + ["session.started"] * 12
    assert len(set(world.ids("crm"))) == 24


def test_the_workers_drain_does_all_of_it(worlds: Builds) -> None:
    world = worlds("crm", "lake")
    world.house.session()
    assert Bench(world.house.parts, threading.Event()).drain("events") is False
    assert world.types("crm") == world.types("lake") == ["session.started", "message.created"]


def test_410_ends_it_visibly_until_somebody_enables_it(worlds: Builds) -> None:
    world = worlds(crm={"events": ("session.started",)})
    world.posts["crm"].answers = [no(410)]
    world.house.session("1001")
    world.work()
    state = world.state("crm")
    assert (state["state"], state["owed"]) == ("disabled", 1)
    assert state["disabled_at"] is not None
    assert "410" in state["error"]
    world.house.session("1002")
    world.work(1_000)
    assert len(world.got("crm")) == 1
    assert world.house.post("/subscribers/crm/replay", role="admin").status_code == 409
    assert world.house.post("/subscribers/crm/enable", role="operator").status_code == 403
    assert world.house.post("/subscribers/crm/enable", role="admin").json["state"] == "active"
    assert world.house.post("/subscribers/crm/enable", role="admin").status_code == 409
    world.work()
    assert len(world.got("crm")) == 3
    assert {row["state"] for row in world.deliveries("crm")} == {"sent"}


def test_many_are_replayed_at_once(both_worlds: Builds) -> None:
    world = both_worlds("crm")
    for number in range(3):
        world.house.session(str(2000 + number))
    world.work()
    before = len(world.got("crm"))
    body = {"state": "sent", "types": ["session.started"]}
    assert world.house.post("/subscribers/crm/replay", body, role="admin").json == {"replayed": 3}
    world.work()
    assert world.types("crm")[before:] == ["session.started"] * 3
    assert set(world.ids("crm")[before:]) <= set(world.ids("crm")[:before])
    late = {"state": "sent", "since": "2027-01-01T00:00:00Z"}
    assert world.house.post("/subscribers/crm/replay", late, role="admin").json == {"replayed": 0}
    assert world.house.post("/subscribers/nobody/replay", role="admin").status_code == 404


def test_what_was_redacted_meanwhile_is_not_told(worlds: Builds) -> None:
    world = worlds(crm={"events": ("message.created",)})
    world.posts["crm"].answers = [no(500)]
    world.house.session("1001", "My card is 4111 1111 1111 1111")
    world.work()
    assert "4111" in world.posts["crm"].got[0][1].decode()

    def redact(db: Any) -> None:
        from gateway.conversations.forgetting import redact as take_back
        from gateway.conversations.thread import lock_session
        from gateway.store.models import ChatSession, Message

        held, _ = lock_session(db, db.session.query(ChatSession.id).scalar())
        said = db.session.query(Message.external_id).filter(Message.kind == "message").scalar()
        take_back(db, held, said, world.house.now)

    world.house.database.write(redact)
    world.work(10)
    assert len(world.got("crm")) == 2
    assert "4111" not in world.posts["crm"].got[1][1].decode()
    assert world.ids("crm")[0] == world.ids("crm")[1]


def test_a_redirect_is_followed_nowhere(worlds: Builds) -> None:
    world = worlds("crm", lake={"events": ("note.created",)})
    world.posts["crm"].answers = [no(302, Location=world.posts["lake"].url)]
    world.house.session()
    world.work()
    assert world.posts["lake"].got == []
    assert any("302" in (row["error"] or "") for row in world.deliveries("crm"))


def test_the_test_button_says_what_became_of_it(worlds: Builds) -> None:
    world = worlds("crm")
    world.posts["crm"].answers = [no(204), no(500)]
    answer = world.house.post("/subscribers/crm/test", role="admin").json
    assert (answer["taken"], answer["status"], answer["error"]) == (True, 204, None)
    assert world.got("crm")[0]["type"] == "test"
    assert world.ids("crm") == [answer["event_id"]]
    answer = world.house.post("/subscribers/crm/test", role="admin").json
    assert (answer["taken"], answer["status"]) == (False, 500)
    assert world.house.post("/subscribers/crm/test", role="viewer").status_code == 403
    assert world.deliveries("crm") == []


def test_nobody_sees_addresses_and_secrets(worlds: Builds) -> None:
    world = worlds("crm")
    world.posts["crm"].answers = [no(500)] * 4
    world.house.session()
    world.work()
    seen = [
        world.house.get("/subscribers", role="viewer").text,
        world.house.get("/subscribers/crm/deliveries", role="viewer").text,
        world.house.post("/subscribers/crm/test", role="admin").text,
        repr(world.house.parts.settings.subscribers),
    ]
    for text in seen:
        assert "not-to-be-told" not in text
        assert SECRET not in text
    assert "127.0.0.1" in seen[0]


def test_nobody_there_is_told_by_the_host_alone(worlds: Builds) -> None:
    world = worlds("crm")
    poster = world.house.parts.subscribers["crm"]
    poster._url = "http://127.0.0.1:9/hook?key=not-to-be-told"
    world.house.session()
    world.work()
    assert "cannot be reached" in world.state("crm")["error"]
    assert "not-to-be-told" not in world.state("crm")["error"]


def test_a_late_joiner_is_told_of_what_comes(worlds: Builds) -> None:
    world = worlds(crm={"events": ("session.started",)})
    world.house.session("1001")
    world.work()
    assert len(world.got("crm")) == 1
    assert World(world.house, world.posts).work() == 0


@pytest.mark.parametrize("days", [3, 9])
def test_old_events_are_forgotten_when_nobody_needs_them(both_worlds: Builds, days: int) -> None:
    from gateway import feed
    from gateway.sync.upkeep import Upkeep

    world = both_worlds(crm={"events": ("session.started",)})
    upkeep = Upkeep(world.house.parts)
    world.house.session("1001")
    database = world.house.database
    world.house.clock.advance(days * 86_400)
    upkeep.forget()
    assert feed.head(database).forgotten == 0  # the subscriber has not been told yet
    world.work()
    upkeep.forget()
    head = feed.head(database)
    assert (head.forgotten == head.last) == (days > 7)
    assert len(world.deliveries("crm")) == 1
    world.house.clock.advance(8 * 86_400)
    upkeep.forget()
    assert world.deliveries("crm") == []


def test_what_waited_for_days_is_given_up(both_worlds: Builds) -> None:
    from gateway.sync.upkeep import Upkeep

    world = both_worlds("crm")
    world.posts["crm"].answers = [no(503)]
    world.house.session()
    world.work()
    Upkeep(world.house.parts).forget()
    assert world.deliveries("crm", "dead") == []
    world.house.clock.advance(5 * 86_400)
    Upkeep(world.house.parts).forget()
    assert len(world.deliveries("crm", "dead")) == 2
    assert world.work() == 0
