"""Criterion 3: with every worker stopped and Redis down, a takeover still mutes the AI at once."""

from __future__ import annotations

import time
from typing import Any

import requests

from gateway.clock import SystemClock, to_micros
from gateway.people import operators
from intercom_standin.cast import AOIFE_ID
from tests.crash.tree import CHANNEL, Tree, tree
from tests.services.processes import wait_until


def test_an_assignment_mutes_the_ai_without_workers_and_redis(database_url: str) -> None:
    with tree(database_url, mode="manual") as it:
        it.environ["GATEWAY_REDIS_URL"] = "redis://127.0.0.1:1"
        port = it.url.rpartition(":")[2]
        it.start("web", "--port", port)
        wait_until(lambda: it.readiness() == "degraded", "the web server")
        token = token_of_a_viewer(it)
        world, notifier = it.standin.world, it.standin.notifier
        talk = world.customer_starts("I need help", name="Customer").conversation_id
        assert {one.status for one in notifier.deliver_pending()} == {200}
        assert [one["mode"] for one in sessions(it, token)] == ["ai"]
        world.assign(talk, f"admin:{AOIFE_ID}", by=AOIFE_ID)
        began = time.monotonic()
        assert {one.status for one in notifier.deliver_pending()} == {200}
        assert time.monotonic() - began < 2, "Redis is given 50 ms, not its own patience"
        (session,) = sessions(it, token)
        assert session["mode"] == "human"
        assert session["responsible"]["kind"] == "operator"
        assert session["responsible"]["name"] == "Aoife Byrne"
        assert session["last_handover"]["trigger"] == "assignee"
        assert [turn.state for turn in it.table("turns")] == ["discarded"]
        assert not it.standin.requests, "nobody is there to call Intercom"


def token_of_a_viewer(it: Tree) -> str:
    now = to_micros(SystemClock().now())

    def add(db: Any) -> str:
        viewer = operators.add(db, email="v@acme.example", name="Vera", role="viewer", now=now)
        return operators.new_token(db, viewer.id, now)

    return it.database.write(add)


def sessions(it: Tree, token: str) -> list[Any]:
    answer = requests.get(
        f"{it.url}/api/v1/sessions", headers={"Authorization": f"Bearer {token}"}, timeout=5
    )
    assert answer.status_code == 200
    assert CHANNEL in answer.text
    items: list[Any] = answer.json()["items"]
    return items
