"""The doors through which a visitor sees their talk, as docs/widget-protocol.md has them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway import feed
from gateway.reading.events import event_id, put_into_words
from tests.channels.webwidget.site import OTHER, Browser, Site
from tests.channels.webwidget.staff import PNG, operator


def news(browser: Browser, query: str = "", status: int = 200) -> Any:
    answer = browser.call("GET", f"/messages{query}")
    assert answer.status_code == status, answer.text
    return answer.json


def texts(told: Any) -> list[str]:
    return [
        message["marker"]["kind"] if message["marker"] else message["text"]
        for message in told["messages"]
    ]


def events(site: Site) -> list[Any]:
    """Everything that was told, as subscribers and streams get it."""
    rows = feed.read(site.parts.database, 0, 500)
    with site.parts.database.read() as db:
        told = put_into_words(
            db, [(event_id(row.id, row), row) for row in rows], site.parts.wording
        )
    return [event for event in told if event is not None]


def test_the_whole_story_as_the_protocol_tells_it(any_site: Site) -> None:
    site = any_site
    ann, vera = operator(site), site.browser()
    assert vera.open()["session"] is None
    empty = news(vera)
    assert empty == {
        "cursor": empty["cursor"], "reset": True, "session": None, "messages": [],
        "earlier": False, "typing": [], "unread": 0,
    }  # fmt: skip
    assert news(vera, f"?after={empty['cursor']}")["reset"] is False

    sent = vera.say("hello, see https://a.example.", client_id="first")["message"]
    told = news(vera, f"?after={empty['cursor']}")
    assert told["reset"] is True, "a session began"
    assert told["messages"] == [sent]
    session = told["session"]["id"]
    assert sent == {
        "id": sent["id"], "client_id": "first", "kind": "message",
        "author": {"kind": "customer", "name": None, "avatar_url": None},
        "text": "hello, see https://a.example.",
        "content": [
            ["p", {}, [
                "hello, see ", ["a", {"href": "https://a.example"}, ["https://a.example"]], "."
            ]]
        ],
        "attachments": [], "state": "received", "redacted": False,
        "occurred_at": "2026-11-23T10:00:00Z", "marker": None,
    }  # fmt: skip
    assert told["session"] == {
        "id": session, "status": "active",
        "speaker": {"kind": "ai", "name": "Robin", "avatar_url": None},
        "waiting": None, "started_at": "2026-11-23T10:00:00Z", "finished_at": None,
        "rating": None, "read_by_them": None,
    }  # fmt: skip
    assert told["typing"] == [{"kind": "ai", "name": "Robin"}]

    site.answer()
    told = news(vera, f"?after={told['cursor']}")
    assert (texts(told), told["typing"], told["unread"]) == (["Hello!"], [], 1)
    assert told["messages"][0]["author"] == {"kind": "ai", "name": "Robin", "avatar_url": None}
    assert told["messages"][0]["content"] == [["p", {}, ["Hello!"]]]
    assert told["session"]["read_by_them"] == sent["id"]

    ann.call("POST", f"/sessions/{session}/handover", {"reason": "she is angry"})
    told = news(vera, f"?after={told['cursor']}")
    assert texts(told) == ["handover"]
    assert told["session"]["speaker"] == {"kind": "nobody", "name": None, "avatar_url": None}
    assert told["session"]["waiting"]["position"] == 1
    ann.call("POST", f"/sessions/{session}/accept")
    ann.call("POST", f"/sessions/{session}/notes", {"text": "angry"}, status=201)
    ann.say(session, "I am **here**")
    told = news(vera, f"?after={told['cursor']}")
    assert texts(told) == ["handover", "joined", "I am **here**"]
    assert told["messages"][1]["marker"] == {"kind": "joined", "name": "Ann"}
    author = told["messages"][2]["author"]
    assert (author["kind"], author["name"]) == ("operator", "Ann")
    assert told["session"]["speaker"] == author
    assert told["messages"][2]["content"] == [["p", {}, ["I am ", ["strong", {}, ["here"]]]]]

    picture = vera.client.get(author["avatar_url"].removeprefix("http://127.0.0.1:8080"))
    assert (picture.status_code, picture.data) == (200, PNG)
    assert picture.content_type == "image/png"
    assert picture.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "immutable" in picture.headers["Cache-Control"]
    assert "sandbox" in picture.headers["Content-Security-Policy"]

    everything = news(vera)
    for secret in ("angry", ann.id, "@acme.example"):
        assert secret not in str(everything)


def test_reads_and_ratings(any_site: Site) -> None:
    site = any_site
    ann, vera = operator(site), site.browser()
    vera.open()
    mine = vera.say("I need a person")["message"]
    session = news(vera)["session"]["id"]
    ann.take(session)
    assert news(vera)["session"]["read_by_them"] is None
    assert ann.call("POST", f"/sessions/{session}/read") == {"moved": True}
    assert ann.call("POST", f"/sessions/{session}/read", {}) == {"moved": False}
    assert news(vera)["session"]["read_by_them"] == mine["id"]
    assert ann.call("GET", f"/sessions/{session}")["customer_read"] is None
    said = ann.say(session, "Hello")
    assert news(vera)["unread"] == 1
    site.clock.advance(60)
    assert vera.call("POST", "/read", {"message": said["id"]}).status_code == 204
    assert news(vera)["unread"] == 0
    read = ann.call("GET", f"/sessions/{session}")["customer_read"]
    assert read == {"message_id": said["id"], "at": "2026-11-23T10:01:00Z"}
    assert vera.call("POST", "/read", {"message": mine["id"]}).status_code == 204
    assert ann.call("GET", f"/sessions/{session}")["customer_read"] == read

    rating = {"session": session, "score": 4, "comment": "Quick"}
    refused = vera.call("POST", "/rating", rating)
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "not_finished")
    ann.call("POST", f"/sessions/{session}/finish")
    for body in ({**rating, "score": 0}, {**rating, "score": 6}, {**rating, "score": "4"},
                 {**rating, "comment": "x" * 2_001}, {"session": session}):  # fmt: skip
        assert vera.call("POST", "/rating", body).status_code == 422
    assert vera.call("POST", "/rating", rating).status_code == 204
    assert news(vera)["session"]["rating"] == {"score": 4, "comment": "Quick"}
    assert vera.call("POST", "/rating", {"session": session, "score": 5}).status_code == 204
    assert ann.call("GET", f"/sessions/{session}")["rating"] == {
        "score": 5, "comment": None, "rated_at": "2026-11-23T10:01:00Z",
    }  # fmt: skip
    rated = ann.call("GET", "/statistics")["ratings"]
    assert rated["rated"] == {"count": 1, "of": 1}
    assert rated["average"] == 5.0
    assert rated["by_score"][-1] == {"score": 5, "count": 1, "of": 1}
    told = [event for event in events(site) if event["type"] in ("session.read", "session.rated")]
    assert [event["type"] for event in told] == ["session.read"] * 2 + ["session.rated"] * 2
    assert [event["data"].get("by") for event in told[:2]] == [
        {"kind": "operator", "id": ann.id, "name": "Ann"},
        {"kind": "customer", "id": None, "name": None},
    ]
    assert told[1]["data"]["message_id"] == said["id"]
    assert told[3]["data"]["session"]["rating"]["score"] == 5
    site.clock.advance(1)
    vera.say("again")
    counted = ann.call("GET", "/statistics")["ratings"]["rated"]
    assert counted == {"count": 1, "of": 1}, "of the finished ones"


def test_a_known_visitor_chooses_among_sessions_of_every_device(any_site: Site) -> None:
    site = any_site
    ann, phone, laptop = operator(site), site.browser(), site.browser()
    phone.open(jwt=site.jwt())
    for number in range(3):
        site.clock.advance(10)
        phone.say(f"question {number}")
        ann.call("POST", f"/sessions/{news(phone)['session']['id']}/finish")
    laptop.open()
    laptop.say("anonymous words")
    site.clock.advance(10)
    laptop.open(jwt=site.jwt())
    # Plain words, whoever's: what an operator writes is Markdown, what a visitor does is not.
    laptop.say("is *this* __it__?")
    site.clock.advance(10)
    whole = news(laptop)["session"]["id"]
    assert laptop.call("GET", "/sessions").json["items"][0]["last_message"] == "is *this* __it__?"
    answer = {"text": "**Yes**, see [here](https://acme.test)"}
    ann.call("POST", f"/sessions/{whole}/messages", answer, status=201)
    listed = laptop.call("GET", "/sessions").json
    assert [one["last_message"] for one in listed["items"]] == [
        "Yes, see here", "question 2", "question 1", "question 0",
    ]  # fmt: skip
    assert listed["next_cursor"] is None
    first = listed["items"][-1]
    assert (first["status"], first["finished_at"]) == ("finished", "2026-11-23T10:00:10Z")
    whole = news(laptop, f"?session={first['id']}")
    assert texts(whole) == ["question 0", "finished"]
    assert texts(news(laptop, f"?before={whole['messages'][1]['id']}")) == ["question 0"]
    assert laptop.call("GET", "/sessions?cursor=nonsense").status_code == 400
    # Another user, an anonymous visitor and another site have none of it.
    other = site.browser()
    other.open(jwt=site.jwt("user-2"))
    assert other.call("GET", "/sessions").json == {"items": [], "next_cursor": None}
    stranger = site.browser()
    stranger.open()
    stranger.say("mine")
    assert stranger.call("GET", "/sessions").json == {"items": [], "next_cursor": None}
    elsewhere = site.browser(OTHER)
    elsewhere.open(jwt=site.jwt(channel=OTHER))
    assert elsewhere.call("GET", "/sessions").json == {"items": [], "next_cursor": None}
    for thief in (other, stranger, elsewhere):
        news(thief, f"?session={first['id']}", 404)
        news(thief, f"?before={whole['messages'][1]['id']}", 404)
        for rule, body in (
            ("/read", {"message": whole["messages"][0]["id"]}),
            ("/rating", {"session": first["id"], "score": 1}),
        ):
            assert thief.call("POST", rule, body).status_code == 404
    assert ann.call("GET", f"/sessions/{first['id']}")["rating"] is None


@pytest.mark.parametrize(
    ("method", "rule"),
    [
        ("GET", "/messages"), ("GET", "/sessions"), ("POST", "/read"), ("POST", "/rating"),
        ("POST", "/typing"), ("POST", "/stream_tickets"),
    ],
)  # fmt: skip
def test_nobody_comes_in_without_a_token_or_from_another_page(
    site: Site, method: str, rule: str
) -> None:
    vera = site.browser()
    assert vera.call(method, rule, {}).status_code == 401
    vera.open()
    wrong = vera.call(method, rule, {}, headers={"Origin": "https://other.example"})
    assert (wrong.status_code, wrong.json["error"]["code"]) == (403, "origin_not_allowed")
    vera.call("POST", "/logout")
    assert vera.call(method, rule, {}).status_code == 401


def test_pictures_have_no_other_names(site: Site) -> None:
    ann, vera = operator(site), site.browser()
    for name in (ann.id, "nobody", "..%2f..", ""):
        assert vera.call("GET", f"/avatars/{name}").status_code == 404


def test_the_welcome_comes_as_a_tree_and_nameless_ais_have_no_name(
    migrated_sqlite_url: str,
) -> None:
    site = Site(migrated_sqlite_url, welcome_message="Hi, **you**", ai_name="")
    vera = site.browser()
    config = vera.open()["config"]
    assert config["ai_name"] is None
    assert config["welcome_message"] == [["p", {}, ["Hi, ", ["strong", {}, ["you"]]]]]
    vera.say("hello")
    site.answer()
    told = news(vera)
    assert told["session"]["speaker"] == {"kind": "ai", "name": None, "avatar_url": None}
    assert told["messages"][1]["author"]["name"] is None
    site.parts.database.dispose()
