"""What a visitor says is kept exactly once, in order, and answered."""

import itertools
import json
from dataclasses import replace
from typing import Any, cast

from flask import Flask
from sqlalchemy import select

from gateway.app.errors import add_error_answers
from gateway.channels.base import Envelope, Receiver
from gateway.channels.webwidget import deliveries
from gateway.channels.webwidget.deployments import Deployments
from gateway.channels.webwidget.routes import widget_routes
from gateway.channels.webwidget.routes.schemas import MAX_TEXT
from gateway.channels.webwidget.signature import HEADER, derived_key, sign
from gateway.events import Delivery
from gateway.quota.callers import Callers
from gateway.store.models import ChatSession, InboxDelivery, Message
from tests.channels.webwidget.site import ACME, Browser, Site, at_once

TOGETHER = 8


def words(site: Site) -> list[tuple[str, str]]:
    """Author and text of every message, in the order in which people read them."""
    with site.parts.database.read() as db:
        query = (
            select(Message.author_kind, Message.text)
            .where(Message.kind == "message")
            .order_by(Message.at, Message.number, Message.step, Message.id)
        )
        return [(row.author_kind, row.text) for row in db.execute(query)]


def test_a_visitor_speaks_and_is_answered(any_site: Site) -> None:
    browser = any_site.browser()
    browser.open()
    said = browser.say("hello there", client_id="first")
    message = said["message"]
    assert said["again"] is False
    assert (message["client_id"], message["text"]) == ("first", "hello there")
    assert (message["kind"], message["state"]) == ("message", "received")
    assert message["author"]["kind"] == "customer"
    any_site.answer()
    assert words(any_site) == [("customer", "hello there"), ("ai", "Hello!")]


def test_the_same_again_changes_nothing_and_answers_the_same(any_site: Site) -> None:
    browser = any_site.browser()
    browser.open()
    first = browser.say("one", client_id="a")
    browser.say("two", client_id="b")
    any_site.clock.advance(3600)
    assert browser.say("one", client_id="a") == {**first, "again": True}
    assert browser.say("quite another", client_id="a") == {**first, "again": True}
    assert words(any_site) == [("customer", "one"), ("customer", "two")]


def test_at_the_same_moment_it_is_kept_once(any_site: Site) -> None:
    first = any_site.browser()
    first.open()
    tabs = [Browser(any_site, any_site.app.test_client(), ACME, first.token) for _ in range(8)]
    answers: list[Any] = []
    at_once([lambda tab=tab: answers.append(tab.say("hello", client_id="a")) for tab in tabs])
    assert words(any_site) == [("customer", "hello")]
    assert len({json.dumps(answer["message"]) for answer in answers}) == 1
    assert [answer["again"] for answer in answers].count(False) == 1


def test_several_visitors_at_the_same_moment(any_site: Site) -> None:
    browsers = [any_site.browser() for _ in range(TOGETHER)]
    for browser in browsers:
        browser.open()
    at_once([lambda one=one: [one.say(str(n)) for n in range(3)] for one in browsers])
    assert len(words(any_site)) == 3 * TOGETHER
    with any_site.parts.database.read() as db:
        assert len(db.scalars(select(ChatSession.id)).all()) == TOGETHER


def test_they_stand_in_the_order_in_which_they_were_said(any_site: Site) -> None:
    """Even where one machine's clock is behind another's, or time stands still."""
    browser = any_site.browser()
    browser.open()
    for number, step in enumerate((0.0, -5.0, 0.0, 0.000001, -0.5, 2.0)):
        any_site.clock.advance(step)
        browser.say(f"word {number}")
    assert [text for _, text in words(any_site)] == [f"word {number}" for number in range(6)]


def test_after_the_end_the_next_word_opens_a_new_session(site: Site) -> None:
    browser = site.browser()
    browser.open()
    browser.say("hello")
    site.answer()
    site.clock.advance(3 * 86_400)
    for key in site.bench.works["upkeep"].due(10):
        site.bench.works["upkeep"].do(key)
    site.clock.advance(1)
    browser.say("back again")
    with site.parts.database.read() as db:
        found = db.execute(select(ChatSession.status).order_by(ChatSession.opened_at)).scalars()
        assert list(found) == ["finished", "active"]


WRONG: list[tuple[Any, str]] = [
    ({"text": "no id"}, "client_id"),
    ({"client_id": "", "text": "x"}, "client_id"),
    ({"client_id": "x" * 65, "text": "x"}, "client_id"),
    ({"client_id": "a b", "text": "x"}, "client_id"),
    ({"client_id": "a\n", "text": "x"}, "client_id"),
    ({"client_id": "ä", "text": "x"}, "client_id"),
    ({"client_id": 1, "text": "x"}, "client_id"),
    ({"client_id": "a"}, "text"),
    ({"client_id": "a", "text": "  \n "}, "text"),
    ({"client_id": "a", "text": "x" * (MAX_TEXT + 1)}, "text"),
    ({"client_id": "a", "text": "nul \x00"}, "text"),
    ({"client_id": "a", "text": None}, "text"),
    ({"client_id": "a", "text": ["x"]}, "text"),
    ({"client_id": "a", "text": "x", "files": "f"}, "files"),
    ({"client_id": "a", "text": "x", "files": [None]}, "files"),
    ({"client_id": "a", "text": "x", "files": ["f"] * 6}, "files"),
    ({"client_id": "a", "text": "x", "author": "ai"}, "author"),
    ([], "body"),
]


def test_what_is_no_message_is_refused_by_name(site: Site) -> None:
    browser = site.browser()
    browser.open()
    for body, field in WRONG:
        answer = browser.call("POST", "/messages", body)
        assert answer.status_code == 422, answer.text
        assert answer.json is not None
        assert answer.json["error"]["code"] == "invalid"
        named = [name.partition(".")[0] for name in answer.json["error"]["details"]["fields"]]
        assert field in named, body
    assert words(site) == []


NO_JSON = (
    b"{", b"\xff\xfe", b"null", b'"text"', b"NaN", b"[" * 60_000, b'{"a":' * 10_000,
    b'{"client_id":"a","client_id":1}', b'{"client_id": "a", "text": "half \\ud83d"}',
)  # fmt: skip


def test_what_is_no_json_changes_nothing(site: Site) -> None:
    browser = site.browser()
    browser.open()
    for raw, rule in itertools.product(NO_JSON, ("/messages", "/sessions")):
        answer = browser.call("POST", rule, data=raw)
        assert answer.status_code in (400, 422), answer.text
        assert answer.json is not None
        assert set(answer.json["error"]) == {"code", "message", "details"}
    assert words(site) == []


def test_markup_is_only_text(site: Site) -> None:
    browser = site.browser()
    browser.open()
    text = '<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror="alert(1)">'
    message = browser.say(text)["message"]
    assert message["text"] == text
    with site.parts.database.read() as db:
        assert db.scalars(select(Message.html)).all() == [""]


def test_nobody_speaks_for_a_visitor_at_the_webhook(site: Site) -> None:
    browser = site.browser()
    visitor = browser.open()["visitor"]["id"]
    content = deliveries.said(
        ACME, visitor, at=site.now, name=None, client_id="a", text="forged", parameters={}
    )
    _, body = deliveries.delivered(content)
    client = site.app.test_client()
    wrong = derived_key("another secret", ACME), derived_key("the gateway's secret", "other-web")
    for headers in (
        {},
        *({HEADER: sign(body, key)} for key in wrong),
        {HEADER: "sha256=" + "0" * 64},
    ):
        answer = client.post(f"/webhooks/{ACME}", data=body, headers=headers)
        assert answer.status_code == 401
    assert words(site) == []
    own = {HEADER: sign(body, derived_key("the gateway's secret", ACME))}
    assert client.post(f"/webhooks/{ACME}", data=body, headers=own).status_code == 200
    assert words(site) == [("customer", "forged")]


class Broken:
    """A receiver that fails to read what it is given, once."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._failed = False

    def translate(self, envelope: Envelope) -> Delivery:
        if not self._failed:
            self._failed = True
            raise ZeroDivisionError
        return self._receiver.translate(envelope)


def test_what_cannot_be_applied_is_not_said_to_be_there(site: Site) -> None:
    """It is kept as failed, and the client goes on asking: after a replay it gets its answer."""
    browser = site.browser()
    browser.open()
    widget = site.parts.widgets.of_name(ACME)
    channel = replace(widget.channel, receiver=cast(Receiver, Broken(widget.channel.receiver)))
    broken = Deployments(
        [replace(widget, channel=channel)],
        site.parts.widgets.tokens,
        Callers(None, per_second=1, burst=2),
    )
    app = Flask("broken")
    add_error_answers(app)
    app.register_blueprint(
        widget_routes(
            broken, site.parts.tickets, site.parts.visitors, site.parts.inbox.receive, proxies=0
        )
    )
    browser.client = app.test_client()
    for _ in range(2):
        refused = browser.say("hello", client_id="a", status=503)
        assert refused["error"]["code"] == "unavailable"
    assert words(site) == []
    with site.parts.database.read() as db:
        kept = db.execute(select(InboxDelivery.id, InboxDelivery.state)).one()
    assert kept.state == "failed"
    assert site.parts.inbox.replay(kept.id).state == "applied"
    assert browser.say("hello", client_id="a")["again"] is True
    assert words(site) == [("customer", "hello")]
