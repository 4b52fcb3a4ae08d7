"""What the page says of its visitor is kept with their sessions, and told to the AI."""

from typing import Any

from sqlalchemy import select

from gateway.store.models import ChatSession, Visitor
from tests.channels.webwidget.site import Site


def sessions(site: Site) -> list[Any]:
    with site.parts.database.read() as db:
        query = select(ChatSession.parameters, ChatSession.status).order_by(ChatSession.opened_at)
        return [row.parameters for row in db.execute(query)]


def test_before_the_first_word_they_wait_for_it(any_site: Site) -> None:
    browser = any_site.browser()
    browser.open(parameters={"page": "/cart", "total": 12.5, "returning": False})
    assert sessions(any_site) == []
    browser.say("hello")
    assert sessions(any_site) == [{"page": "/cart", "total": 12.5, "returning": False}]


def test_later_ones_go_to_the_session_at_once(any_site: Site) -> None:
    browser = any_site.browser()
    browser.open()
    browser.say("hello")
    browser.open(parameters={"page": "/pay"})
    assert sessions(any_site) == [{"page": "/pay"}]
    browser.open(parameters={"page": "/done", "order": 7})
    browser.say("thanks")
    assert sessions(any_site) == [{"page": "/done", "order": 7}]


def test_without_any_nothing_is_kept_of_a_visitor_who_says_nothing(site: Site) -> None:
    site.browser().open()
    with site.parts.database.read() as db:
        assert db.scalars(select(Visitor.id)).all() == []


def test_they_are_bounded_over_many_calls(site: Site) -> None:
    browser = site.browser()
    for first in range(0, 200, 50):
        browser.open(parameters={f"n{number}": "x" * 60 for number in range(first, first + 50)})
    with site.parts.database.read() as db:
        kept = db.scalars(select(Visitor.parameters)).one()
    assert list(kept) == [f"n{number}" for number in range(150, 200)]


WRONG: tuple[Any, ...] = (
    {"a": None}, {"a": [1]}, {"a": {"b": 1}}, {"": 1}, {"a" * 101: 1}, {"a": "\x00"},
    {"a": "x" * 5000}, {f"n{number}": 1 for number in range(51)}, {"a": 2**80}, [1], "text",
)  # fmt: skip


def test_what_is_none_is_refused_by_name(site: Site) -> None:
    browser = site.browser()
    for wrong in WRONG:
        refused = browser.open(status=422, parameters=wrong)
        assert refused["error"]["code"] == "invalid"
        assert "parameters" in refused["error"]["details"]["fields"], wrong
