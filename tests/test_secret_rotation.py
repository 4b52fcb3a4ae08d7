"""Secrets that both sides hold, replaced while everything runs: two of them carry the time between.

What is here is by list; `GATEWAY_SECRET_KEY` is in test_key_rotation.py, a widget's secret in
channels/webwidget/test_identity.py.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from werkzeug.wrappers import Response

from gateway.agents.http import HttpAgent
from gateway.agents.http.signing import Signatures
from gateway.clock import SystemClock
from gateway.config import HttpAgentSettings, IntercomSettings, Settings, SubscriberSettings
from gateway.events import Answer
from gateway.signs import Notice
from gateway.sinks.post import PostSink
from gateway.subscribers.posting import Poster
from tests.agents.turns import turn
from tests.api.house import CHANNEL, House
from tests.api.test_turns import ANSWER, waiting_turn
from tests.hostile.door import notification, signature
from tests.watch.servers import webhook_server

OLD, NEW, NEVER = (
    "whsec_" + base64.b64encode(f"the {name} secret of somebody".encode()).decode()
    for name in ("old", "new", "third")
)


def good_for(secret: str, headers: Any, body: bytes) -> bool:
    """Whether somebody who knows this secret alone takes it."""
    try:
        Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    except WebhookVerificationError:
        return False
    return True


def check(headers: Any, body: bytes) -> None:
    assert good_for(OLD, headers, body)
    assert good_for(NEW, headers, body)
    assert not good_for(NEVER, headers, body)


class Rotating(House):
    """A gateway whose agent and whose workspace have two secrets each."""

    def settings(self, database_url: str, **more: Any) -> Settings:
        settings = super().settings(database_url, **more)
        late, channel = settings.agents["late"], settings.channels[CHANNEL]
        assert isinstance(late, HttpAgentSettings)
        assert isinstance(channel, IntercomSettings)
        return replace(
            settings,
            agents={**settings.agents, "late": replace(late, secret=(NEW, OLD))},
            channels={CHANNEL: replace(channel, client_secret=("new one", "old one"))},
        )


@pytest.fixture
def house(migrated_sqlite_url: str) -> Iterator[Rotating]:
    house = Rotating(migrated_sqlite_url, agent="late")
    yield house
    house.parts.database.dispose()


def test_notifications_hold_with_either(house: Rotating) -> None:
    for number, secret in enumerate(("old one", "new one", "old one")):
        body = json.dumps(notification("ping", None, id=f"{number}")).encode()
        headers = {"X-Hub-Signature": signature(body, secret)}
        answer = house.client().post(f"/webhooks/{CHANNEL}", data=body, headers=headers)
        assert answer.status_code == 200
    headers = {"X-Hub-Signature": signature(body, "another")}
    answer = house.client().post(f"/webhooks/{CHANNEL}", data=body, headers=headers)
    assert answer.status_code == 401


def test_late_answers_hold_with_either(house: Rotating) -> None:
    for number, secret in enumerate((OLD, NEW)):
        _, id = waiting_turn(house, f"100{number}")
        body = json.dumps(ANSWER).encode()
        door = f"/api/v1/turns/{id}/reply"
        wrong = Signatures(NEVER).headers(id, datetime.now(UTC), body)
        assert house.client().post(door, data=body, headers=wrong).status_code == 401
        right = Signatures(secret).headers(id, datetime.now(UTC), body)
        assert house.client().post(door, data=body, headers=right).json == {"status": "recorded"}


def test_turns_carry_both_signatures() -> None:
    with webhook_server() as posts:
        posts.answers.append(Response('{"messages": []}'))
        agent = HttpAgent(posts.url, (NEW, OLD), public_url="https://gw.example.org")
        try:
            assert isinstance(agent.ask(turn()), Answer)
        finally:
            agent.close()
    ((headers, body),) = posts.got
    check(headers, body)


def test_events_carry_both_signatures() -> None:
    with webhook_server() as posts:
        settings = SubscriberSettings(name="crm", url=posts.url, secret=(NEW, OLD))
        assert Poster(settings, SystemClock()).post("evt_1", {"type": "x"}).taken
    ((headers, body),) = posts.got
    check(headers, body)


def test_alerts_carry_both_signatures() -> None:
    notice = Notice(
        id="ntc_1", alert_id="alr_1", channel="acme", code="silent", event="raised", what="w",
        do="d", since=0, raised_at=0, cleared_at=None,
    )  # fmt: skip
    with webhook_server() as posts:
        PostSink(posts.url, (NEW, OLD), clock=SystemClock()).tell([notice])
    ((headers, body),) = posts.got
    check(headers, body)
