"""What follows from one delivery, call or piece of work carries its id, through every process."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from gateway.clock import SystemClock
from gateway.inbox.deliveries import Arrival
from gateway.logs import about, about_what, origin
from gateway.rules import HandoverRule
from gateway.store.models import InboxDelivery
from gateway.sync.drain import Drain
from tests.agents.servers import wsgi_server
from tests.crash.test_redis import says_and_is_answered
from tests.crash.tree import Tree, tree
from tests.rig import AOIFE, CHANNEL, TEAM, Rig, rig
from tests.running.collector import Collector


@pytest.fixture
def it(migrated_url: str, tmp_path: Any) -> Iterator[Rig]:
    """On both databases: the rows carry it."""
    with rig(migrated_url, tmp_path, hand_over_to=f"team:{TEAM}") as made:
        yield made


def lines_of(lines: list[Any], origin: str) -> list[str]:
    return [line["event"] for line in lines if line.get("origin") == origin]


def delivery(it: Rig, topic: str) -> str:
    """The id of the newest delivery of a topic."""
    query = select(InboxDelivery.id).where(InboxDelivery.topic == topic)
    with it.parts.database.read() as db:
        return str(db.scalars(query.order_by(InboxDelivery.id.desc())).first())


# -- one story in one gateway's processes ------------------------------------------------------


def test_one_storys_lines_and_spans_are_linked_through_all_processes() -> None:
    collector = Collector()
    with wsgi_server(collector) as url, tree("sqlite") as it:
        it.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = url
        it.environ["OTEL_BSP_SCHEDULE_DELAY"] = "100"
        it.up(workers=1)
        says_and_is_answered(it, "w001n001", 20)
        it.wait_until_quiet(20)
        it.stop()
        lines = json_lines(it)
        asked = it.table("inbox")
        (first,) = [row.id for row in asked if row.topic == "conversation.user.created"]

        told = [line for line in lines if line.get("origin") == first]
        assert [line["event"] for line in told] == [
            "delivery_kept", "turn_asked", "turn_answered", "push_begun", "push_sent",
        ]  # fmt: skip
        assert told[0]["state"] == "applied"
        assert {line["session"] for line in told[1:]} == {it.table("chat_sessions")[0].id}
        assert {line.get("turn") for line in told[1:3]} == {it.table("turns")[0].id}
        assert {line.get("push") for line in told[3:]} == {it.table("pushes")[0].id}
        assert it.agent.asked[0]["origin"] == first
        assert [row.origin for row in it.table("turns")] == [first]
        assert [row.origin for row in it.table("pushes")] == [first]
        # Everything that was kept has a line, of its own origin.
        assert {line["origin"] for line in lines if line["event"] == "delivery_kept"} == {
            row.id for row in asked
        }

        spans = collector.trace_of(first)
        parents = {
            one.name: spans[one.parent].name if one.parent else None for one in spans.values()
        }
        assert parents == {
            "receive": None, "turn": "receive", "ask": "turn",
            "deliver": "receive", "look": "deliver", "post": "deliver",
        }  # fmt: skip
        assert spans[next(id for id, one in spans.items() if one.name == "turn")].noted == {
            "gateway.origin": first, "gateway.agent": "support", "gateway.try": 1,
            "gateway.turn": it.table("turns")[0].id, "gateway.verdict": "recorded",
            "gateway.session": it.table("chat_sessions")[0].id,
        }  # fmt: skip
        assert b"w001n001" not in collector.raw, "words of customers are in no span"


def json_lines(it: Tree) -> list[Any]:
    lines = it.log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


# -- what the rows carry on --------------------------------------------------------------------


def test_a_push_whose_outcome_is_unknown_keeps_its_origin(it: Rig) -> None:
    talk = it.world.customer_starts("Hello", name="Ann").conversation_id
    with capture_logs(processors=[about_what]) as lines:
        it.hear()
        it.standin.faults.add("timeout_after", where="effect")
        it.work()
        it.advance(11)
        it.work()
    first = delivery(it, "conversation.user.created")
    told = lines_of(lines, first)
    assert told[:5] == [
        "delivery_kept",
        "turn_asked",
        "turn_answered",
        "push_begun",
        "push_unknown",
    ]
    assert told[5:] == ["push_read_back"]
    assert len(it.said_by_bot(talk)) == 1


def test_what_a_rule_owes_follows_from_the_customers_words(
    migrated_sqlite_url: str, tmp_path: Any
) -> None:
    rules = (HandoverRule(phrases=("a human",), reason="Asked."),)
    there = {"hand_over_to": f"team:{TEAM}", "agent_rules": {"handover_rules": rules}}
    with rig(migrated_sqlite_url, tmp_path, **there) as it:
        it.world.customer_starts("I want a human", name="Ann")
        it.hear()
        it.work("turns")
        first = delivery(it, "conversation.user.created")
        assert {push.role for push in it.pushes()} >= {"note", "assignment"}
        assert {push.origin for push in it.pushes()} == {first}


def test_deliveries_that_share_a_commit_keep_their_own_origins(it: Rig) -> None:
    channel = it.parts.channels[CHANNEL]
    for name in ("Ann", "Ben", "Cem"):
        it.world.customer_starts(f"I am {name}", name=name)
    arrivals = []
    for one in it.standin.notifier.take():
        body, _ = it.standin.notifier.signed(one)
        envelope = channel.receiver.read_envelope(body)
        events = channel.receiver.translate(envelope).events
        arrivals.append(Arrival(channel=channel, envelope=envelope, body=body, events=events))
    with about(origin="the leader's own"):
        it.parts.inbox.keep_together(arrivals)
    assert len(it.turns()) == 3
    assert {turn.origin for turn in it.turns()} <= {one.id for one in arrivals}
    assert len({turn.origin for turn in it.turns()}) == 3


def test_an_operators_call_is_the_origin_of_what_it_owes(it: Rig) -> None:
    it.world.customer_starts("Hello", name="Ann")
    it.settle()
    answer = it.api("POST", f"/sessions/{it.session().id}/handover", it.token())
    assert answer.status_code == 200
    owed = [push for push in it.pushes() if push.role in ("note", "assignment")]
    assert owed
    assert {push.origin for push in owed} == {answer.headers["X-Request-Id"]}


def test_a_takeover_and_the_return_have_origins_of_their_own(it: Rig) -> None:
    talk = it.world.customer_starts("Hello", name="Ann").conversation_id
    it.settle()
    it.world.assign(talk, f"admin:{AOIFE}", by=AOIFE)
    it.world.customer_replies(talk, "Are you there?")
    it.settle()
    it.world.assign(talk, "bot", by=AOIFE)
    it.settle()
    turns = it.turns()
    assert [turn.cause for turn in turns] == ["message", "returned"]
    assert turns[1].origin == delivery(it, "conversation.admin.assigned")
    assert turns[1].origin != turns[0].origin
    assert it.pushes()[-1].origin == turns[1].origin


class _Piece:
    """Work of one piece, which nobody but time asks for."""

    kind, threads = "upkeep", 1

    def __init__(self) -> None:
        self.left = ["a piece"]
        self.origins: list[str | None] = []

    def due(self, limit: int) -> list[str]:
        return self.left[:limit]

    def due_within(self, seconds: float) -> bool:
        return False

    def do(self, key: str) -> None:
        self.left.remove(key)
        self.origins.append(origin())

    def abandon(self, keys: Any) -> None: ...


def test_what_time_asks_for_has_an_origin_too() -> None:
    piece = _Piece()
    Drain(piece, SystemClock(), threading.Event()).run()
    (found,) = piece.origins
    assert found is not None
    assert found.startswith("wrk_")
    assert origin() is None


def test_lines_of_many_threads_are_whole_lines(tmp_path: Any) -> None:
    """Ours and the libraries' come from different hands."""
    code = """
import logging, threading, structlog
from gateway.logs import set_up_logging
set_up_logging()
def say():
    for number in range(200):
        structlog.get_logger("ours").info("push_sent", number=number)
        logging.getLogger("theirs").info("something happened")
threads = [threading.Thread(target=say) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    log = tmp_path / "log"
    with log.open("ab") as file:
        subprocess.run([sys.executable, "-c", code], stderr=file, check=True)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) == 8 * 400
