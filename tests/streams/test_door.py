"""The stream at /api/v1/events: what happens is shown at once, what was missed when one is back."""

import time

import pytest
from sqlalchemy import select

from gateway import feed
from gateway.clock import to_micros
from gateway.events import Actor
from gateway.store import Transaction
from gateway.store.models import Signin, Token
from gateway.streams.stream import MOST_WAITING, Stream, Wanted
from tests.services.processes import wait_until
from tests.streams.conftest import Served
from tests.streams.reader import Reader, reading

BOB = Actor(kind="operator", id="500", name="Bob")


def token(served: Served, role: str = "viewer") -> str:
    return served.house.tokens[role]


def test_what_happens_is_shown_as_the_api_tells_it(served: Served) -> None:
    with reading(served.url, token(served)) as reader:
        assert reader.status == 200
        assert "text/event-stream" in reader.head
        reader.opened()
        session = served.house.session()
        started, said = reader.until(2)
        assert [started.type, said.type] == ["session.started", "message.created"]
        assert started.data["type"] == "session.started"
        assert started.data["id"].startswith("evt_")
        shown = served.house.get(f"/sessions/{session}").json
        assert started.data["data"]["session"] == shown
        assert said.data["data"]["message"]["text"] == "Hello?"
        # People inside see notes, under their own name.
        served.house.happen("1001", served.house.noted("1001", "He is upset.", BOB))
        note = reader.next()
        assert note is not None
        assert (note.type, note.data["data"]["message"]["text"]) == ("note.created", "He is upset.")
        served.house.post(f"/sessions/{session}/handover", {"reason": "a refund"})
        types = [event.type for event in reader.until(2)]
        assert types == ["session.handed_over", "note.created"]


def test_who_comes_back_misses_nothing_and_sees_nothing_twice(served: Served) -> None:
    with reading(served.url, token(served)) as reader:
        reader.opened()
        served.house.session("1001")
        first = reader.until(2)
    with reading(served.url, token(served)) as other:  # it keeps the hub's memory alive
        other.opened()
        served.house.session("1002")
        assert len(other.until(2)) == 2
        with reading(served.url, token(served), last=first[0].id) as reader:
            served.house.session("1003")
            later = reader.until(5)
            assert reader.next(0.3) is None
        assert [event.type for event in later] == [
            "message.created", "session.started", "message.created", "session.started",
            "message.created",
        ]  # fmt: skip
        assert later[0].id == first[1].id
        assert later[0].data == first[1].data
        ids = [event.id for event in later]
        assert ids == sorted(set(ids))


def test_what_was_missed_while_nobody_looked_on_comes_from_the_record(served: Served) -> None:
    with reading(served.url, token(served)) as reader:
        begin = reader.opened().last
    served.let_go()  # the hub would find out with the next beat
    session = served.house.session("3000")

    def many(db: Transaction) -> None:  # more than one page
        for _ in range(208):
            feed.tell(db, "session.updated", at=served.house.now, session_id=session)

    served.house.database.write(many)
    with reading(served.url, token(served), last=begin) as reader:
        events = reader.until(210, within_s=20)
        assert len(events) == 210
        served.house.session("4000")
        assert len(reader.until(2)) == 2
    with reading(served.url, token(served), "?types=message.created", last=begin) as reader:
        assert [event.type for event in reader.until(2)] == ["message.created"] * 2


def test_what_is_not_known_any_more_is_said_to_be(served: Served) -> None:
    served.house.session("1001")
    feed.forget(served.house.database, 2**60, lambda db: None)
    head = feed.head(served.house.database).last
    for last in (1, head + 1_000, "nonsense", "99999999999999999999"):
        with reading(served.url, token(served), last=last) as reader:
            event = reader.next()
            assert event is not None
            assert (event.type, event.data, event.id) == ("reset", {}, head)
            assert reader.last == head
    with reading(served.url, token(served), last=head) as reader:  # it has seen all there is
        reader.opened()
        served.house.session("1002")
        assert [event.type for event in reader.until(2)] == ["session.started", "message.created"]


def test_filters(served_sqlite: Served) -> None:
    served = served_sqlite
    session = served.house.session("1001")
    with (
        reading(served.url, token(served), f"?session={session}") as one,
        reading(served.url, token(served), "?types=session.started,session.finished") as two,
    ):
        one.opened()
        two.opened()
        served.house.session("1002")
        served.house.happen("1001", served.house.closed("1001"))
        finished = one.next()
        assert finished is not None
        assert (finished.type, finished.data["data"]["session"]["id"]) == (
            "session.finished", session,
        )  # fmt: skip
        assert [event.type for event in two.until(2)] == ["session.started", "session.finished"]
    for query in ("?types=session.sang", "?session=1001", "?since=1", "?types="):
        with reading(served.url, token(served), query) as refused:
            assert refused.status == 422, query
    with reading(served.url, "gw_nobody") as refused:
        assert refused.status == 401


def test_a_reader_that_is_too_slow_harms_nobody(served_sqlite: Served) -> None:
    served = served_sqlite
    house = served.house
    session = house.session("1001")
    house.happen("1001", house.said("1001", "x" * 200_000))
    slow = Reader(served.url, token(served))
    with reading(served.url, token(served)) as quick:
        quick.opened()
        assert len(served.hub) == 2
        written = 0
        place = feed.head(house.database).last
        with house.database.read() as db:
            big = next(row for row in reversed(feed.read_before(db, 0, None, 100)))

        def many(db: object) -> None:
            for _ in range(50):
                feed.tell(
                    db, "message.updated", at=house.now, session_id=session,  # type: ignore[arg-type]
                    conversation_id=big.conversation_id, message_id=big.message_id,
                )  # fmt: skip

        # Each is 400 kB (text and HTML): what the sockets hold is full soon, then its queue.
        while len(served.hub) == 2 and written < 4 * MOST_WAITING:
            house.database.write(many)
            got = quick.until(50, within_s=20)
            assert len(got) == 50
            written += 50
        assert len(served.hub) == 1
        house.session("1002")
        assert [event.type for event in quick.until(2)] == ["session.started", "message.created"]
    # Its connection is closed, and it may go on where it was.
    while slow.next(5) is not None:
        pass
    assert slow.ended
    assert slow.last is not None
    assert slow.last > place - 1
    with reading(served.url, token(served), last=slow.last) as again:
        assert again.next() is not None
    slow.close()


def test_a_revoked_token_ends_its_streams(served: Served) -> None:
    served.hub._check_tokens_s = 0.2
    mine, other = token(served, "viewer"), token(served, "operator")
    with reading(served.url, mine) as reader, reading(served.url, other) as stays:
        reader.opened()
        stays.opened()

        def revoke(db: object) -> None:
            rows = db.session.query(Token).filter(Token.operator_id == served.house.ids["viewer"])  # type: ignore[attr-defined]
            rows.update({"revoked_at": served.house.now})

        served.house.database.write(revoke)
        assert reader.next(15) is None
        assert reader.ended
        served.house.session("1001")
        assert len(stays.until(2)) == 2
    with reading(served.url, mine) as refused:
        assert refused.status == 401


def test_of_many_those_go_whom_nothing_lets_in_any_more(served: Served) -> None:
    hub, database = served.hub, served.house.database
    hub._check_tokens_s = 0.1
    now = to_micros(database.clock.now())
    viewer = served.house.ids["viewer"]
    signed_in = {"operator_id": viewer, "created_at": now, "seen_at": now}

    def sign_in(db: Transaction) -> str:
        db.add(Signin(id="sgn_here", digest="here", expires_at=now + 10**12, **signed_in))
        db.add(Signin(id="sgn_over", digest="over", expires_at=now - 1, **signed_in))
        db.flush()
        return db.scalars(select(Token.id).where(Token.operator_id == viewer)).one()

    stay = {database.write(sign_in), "sgn_here"}
    go = {"sgn_over", *(f"tok_{number}" for number in range(120))}
    streams = [Stream(Wanted(), let_in_by=id) for id in sorted(stay | go)]
    for stream in streams:
        hub.open(stream)
    wait_until(lambda: len(hub) <= len(stay), "those to go")
    assert {stream.let_in_by for stream in streams if not stream._closed} == stay
    served.house.session("1001")
    for stream in streams:
        if stream.let_in_by in stay:
            wait_until(lambda stream=stream: len(stream._queue) == 2, "what happened")


@pytest.mark.parametrize("leaves", ["at once", "before the first byte"])
def test_who_has_gone_is_forgotten(served_sqlite: Served, leaves: str) -> None:
    reader = Reader(served_sqlite.url, token(served_sqlite))
    if leaves == "at once":
        reader.opened()
    reader.close()
    began = time.monotonic()
    while len(served_sqlite.hub) and time.monotonic() - began < 10:
        served_sqlite.house.session(f"{time.monotonic_ns()}")  # found out by writing
        time.sleep(0.05)
    assert len(served_sqlite.hub) == 0
