"""What belongs to one visitor gives another nothing, at any door of the widget.

The doors are those that the application itself lists: a new one without a line in `DOORS` makes
this red. A line says how to ask that door for what is Ann's. Everybody who is not Ann asks; nothing
that Ann said or is may come back, and nothing of hers may change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from gateway.reading.cursors import to_cursor
from gateway.store.models import Base, ChatSession, Conversation, Message
from tests.channels.webwidget.doors import NAMES, doors_of
from tests.channels.webwidget.site import ACME, OTHER, SECRETS, Browser, Site
from tests.files.samples import CONTENT_TYPE, body, png

SECRET = "secret"
"""Stands in every word that Ann says and in whatever is known of her."""

OPEN = ("/widget.js", "/widget/v1/app-<hash>.js", "/widget/demo/<channel>")
"""What everybody may have: it is the same for all."""


@dataclass
class Victim:
    """Ann: what belongs to her, by the names that doors know it by."""

    token: str
    visitor: str
    session: str
    client_id: str
    messages: list[str]
    cursor: str
    page: str
    ticket: str
    files: list[str]


Ask = dict[str, Any]
"""How to call a door: `query`, `json` or what else a call has, and `path` if it names a thing."""


def a_file(name: str) -> Ask:
    return {"data": body(png(3, 2), name), "headers": {"Content-Type": CONTENT_TYPE}}


DOORS: dict[tuple[str, str], Callable[[Victim], list[Ask]]] = {
    ("POST", "/sessions"): lambda ann: [
        {"json": {"key": f"{ACME}-key", "claims": {"name": "Ann", "email": "ann@x.example"}}},
        {"json": {"key": f"{ACME}-key", "visitor_token": ann.visitor}},
        {"json": {"key": f"{OTHER}-key", "visitor_token": ann.token}},
        {"json": {"key": f"{ACME}-key", "jwt": ann.token}},
        {"json": {"key": f"{ACME}-key", "visitor_token": ann.session}},
    ],
    ("POST", "/messages"): lambda ann: [
        {"json": {"client_id": ann.client_id, "text": "mine"}},
        {"json": {"client_id": ann.messages[0], "text": "mine"}},
        *({"json": {"client_id": "f", "text": "mine", "files": [file]}} for file in ann.files),
    ],
    ("GET", "/messages"): lambda ann: [
        {"query": {"after": ann.cursor}},
        {"query": {"session": ann.session}},
        {"query": {"session": ann.session, "after": ann.cursor}},
        *({"query": {"before": message}} for message in ann.messages),
        {"query": {"after": "0"}},
    ],
    ("GET", "/sessions"): lambda ann: [{}, {"query": {"cursor": ann.page}}],
    ("POST", "/read"): lambda ann: [{"json": {"message": message}} for message in ann.messages],
    ("POST", "/rating"): lambda ann: [{"json": {"session": ann.session, "score": 1}}],
    ("POST", "/typing"): lambda ann: [
        {"json": {"on": True}},
        {"json": {"on": True, "session": ann.session}},
    ],
    ("POST", "/stream_tickets"): lambda ann: [{"json": {"visitor": ann.visitor}}],
    ("GET", "/events"): lambda ann: [
        {"query": {"ticket": name}} for name in (ann.ticket, ann.token, ann.visitor, ann.session)
    ],
    ("GET", "/avatars/nobody"): lambda ann: [
        {"path": f"/avatars/{name}"} for name in (ann.visitor, ann.session, *ann.messages)
    ],
    ("POST", "/files"): lambda ann: [a_file("mine.png")],
    ("GET", f"/files/{NAMES['file_id']}"): lambda ann: [
        {"path": f"/files/{name}"} for name in (*ann.files, ann.messages[0])
    ],
    ("POST", "/logout"): lambda ann: [{"json": {"visitor": ann.visitor}}, {}],
}


@pytest.fixture(params=["anonymous", "verified"])
def scene(request: pytest.FixtureRequest, site: Site) -> tuple[Site, Victim]:
    """Ann has talked: as nobody in particular, or as a user of the site's."""
    browser = site.browser()
    if request.param == "verified":
        proof = site.jwt("ann", name="Ann Secret", email="ann@secret.example")
        visitor = browser.open(jwt=proof)["visitor"]["id"]
    else:
        visitor = browser.open(claims={"name": "Ann Secret"})["visitor"]["id"]
    browser.open(parameters={"order": "a secret order"})
    # One file that was said, and one that is not yet.
    put: list[Any] = [browser.call("POST", "/files", **a_file(f"secret-{n}.png")) for n in "ab"]
    files = [answer.json["id"] for answer in put]
    browser.say("my secret", client_id="anns-own-1", files=files[:1])
    site.answer()
    shown: Any = browser.call("GET", "/messages").json
    ticket: Any = browser.call("POST", "/stream_tickets").json
    site.clock.advance(61)  # as long as a ticket may be found in a log
    with site.parts.database.read() as db:
        of_ann = Conversation.external_id == visitor
        session = db.scalars(select(ChatSession.id).join(Conversation).where(of_ann)).one()
        messages = db.scalars(select(Message.id).join(Conversation).where(of_ann)).all()
    return site, Victim(
        token=browser.token or "", visitor=visitor, session=session, client_id="anns-own-1",
        messages=list(messages), cursor=shown["cursor"], page=to_cursor((site.now, session)),
        ticket=ticket["ticket"], files=files,
    )  # fmt: skip


def others(site: Site) -> Iterator[tuple[str, Browser]]:
    """Everybody who is not Ann, each with a talk of their own."""
    anonymous = site.browser()
    anonymous.open()
    anonymous.say("hello")
    yield "anonymous", anonymous
    bob = site.browser()
    bob.open(jwt=site.jwt("bob", email="bob@acme.example"))
    bob.say("hello")
    yield "another user", bob
    there = site.browser(OTHER)
    there.open(jwt=site.jwt("ann", OTHER))
    yield "the same user on another site", there
    forged = site.browser()
    forged.token = site.jwt("ann")
    yield "a JWT instead of a token", forged
    yield "nobody", site.browser()
    gone = site.browser()
    gone.open()
    gone.call("POST", "/logout")
    yield "logged out", gone


def record_of(site: Site, ann: Victim) -> list[str]:
    """Every row, of whatever table, in which something of Ann's stands."""
    names = {ann.visitor, ann.session, *ann.messages, *ann.files}
    rows = []
    with site.parts.database.read() as db:
        for table in Base.metadata.sorted_tables:
            for row in db.execute(select(table)):
                text = f"{table.name} {tuple(row)!r}"
                # Her ids as such: what others call theirs may hold the same letters.
                if SECRET in text.lower() or names & {one for one in row if isinstance(one, str)}:
                    rows.append(text)
    return sorted(rows)


def test_every_door_has_its_line(site: Site) -> None:
    assert set(doors_of(site.app)) == set(DOORS)
    widget = {rule.rule for rule in site.app.url_map.iter_rules() if "widget" in rule.rule}
    listed = {
        rule.rule for rule in site.app.url_map.iter_rules() if rule.endpoint.startswith("widget.")
    }
    assert widget - listed <= set(OPEN)


@pytest.mark.parametrize("door", sorted(DOORS), ids=lambda door: " ".join(door))
def test_nothing_of_anns_comes_back_or_changes(
    scene: tuple[Site, Victim], door: tuple[str, str]
) -> None:
    site, ann = scene
    method, rule = door
    asks = DOORS[door](ann)
    assert asks
    everybody = list(others(site))
    before = record_of(site, ann)
    assert before
    for who, browser in everybody:
        for ask in asks:
            path, query = ask.get("path", rule), ask.get("query")
            more = {name: ask[name] for name in ("data", "headers") if name in ask}
            answer = browser.call(method, path, ask.get("json"), query_string=query, **more)
            # Before it is read: a stream would never end.
            assert answer.content_type != "text/event-stream", f"{who} follows Ann"
            told = f"{who} at {method} {rule}: {answer.status_code} {answer.text}"
            assert answer.status_code < 500, told
            assert SECRET not in answer.text.lower(), told
            asked = repr(ask)
            for name in (
                ann.token,
                ann.visitor,
                ann.session,
                ann.client_id,
                *ann.messages,
                *ann.files,
            ):
                assert name not in answer.text or name in asked, told
    assert record_of(site, ann) == before
    # And Ann goes on as if nothing had been.
    mine = site.browser()
    mine.token = ann.token
    assert mine.say("my secret", client_id=ann.client_id)["again"] is True


BY_OTHER_MEANS = {("POST", "/sessions"), ("GET", "/events"), ("GET", "/avatars/nobody")}
"""Where a token is got; where a ticket stands for it; what its name alone opens."""


@pytest.mark.parametrize("door", sorted({*DOORS} - BY_OTHER_MEANS), ids=lambda door: " ".join(door))
def test_without_a_token_nobody_comes_in(site: Site, door: tuple[str, str]) -> None:
    method, rule = door
    for token in (None, "nonsense", SECRETS[ACME]):
        browser = site.browser()
        browser.token = token
        assert browser.call(method, rule, {} if method == "POST" else None).status_code == 401
