"""Visitors' tokens: made here, for one deployment, for a while, and replaced in time."""

import base64
import json

import pytest
from itsdangerous import URLSafeSerializer

from gateway.channels.webwidget.refusals import TokenExpired, TokenInvalid
from gateway.channels.webwidget.signing import LONGEST
from gateway.channels.webwidget.tokens import FRESH_S, Token, Tokens
from gateway.clock import MovableClock, to_micros
from tests.channels.webwidget.site import ACME, OTHER, START, Site

DAY_S = 86_400


def tokens(secret: str = "a secret", clock: MovableClock | None = None) -> Tokens:
    return Tokens(secret, clock or MovableClock(START))


def test_a_token_says_who_where_and_when() -> None:
    made = tokens()
    assert made.read(made.make(ACME, "vis_a", 3)) == Token(
        channel=ACME, visitor="vis_a", generation=3, made_at=to_micros(START)
    )


def test_another_secret_makes_other_tokens() -> None:
    with pytest.raises(TokenInvalid):
        tokens("one").read(tokens("another").make(ACME, "vis_a", 0))


def test_any_letter_that_is_changed_spoils_it() -> None:
    text = tokens().make(ACME, "vis_a", 0)
    for place in range(len(text)):
        other = "A" if text[place] != "A" else "B"
        with pytest.raises(TokenInvalid):
            tokens().read(text[:place] + other + text[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", ".", "a.b", "a.b.c", "x" * (LONGEST + 1), "\x00", "ü.ü", "vis_a", "null"]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(TokenInvalid):
        tokens().read(text)


@pytest.mark.parametrize("payload", [{}, [], ["a"], "text", None, [1, 2, 3, 4, 5]])
def test_what_another_part_of_us_signed_is_none(payload: object) -> None:
    """The same secret with another salt, or with ours and another form."""
    with pytest.raises(TokenInvalid):
        tokens().read(str(URLSafeSerializer("a secret", salt="cookies").dumps(payload)))
    with pytest.raises(TokenInvalid):
        tokens().read(str(tokens()._signer._serializer.dumps(payload)))


def test_an_unsigned_token_is_none() -> None:
    payload = json.dumps([ACME, "vis_a", 0, to_micros(START)]).encode()
    text = base64.urlsafe_b64encode(payload).decode().rstrip("=")
    for unsigned in (text, text + ".", "." + text):
        with pytest.raises(TokenInvalid):
            tokens().read(unsigned)


def test_it_gets_old_and_then_too_old() -> None:
    clock = MovableClock(START)
    made = tokens(clock=clock)
    token = made.read(made.make(ACME, "vis_a", 0))
    clock.advance(FRESH_S - 1)
    assert made.is_fresh(token)
    clock.advance(1)
    assert not made.is_fresh(token)
    clock.advance(29 * DAY_S - 1)
    made.check_age(token, 30)
    clock.advance(1)
    with pytest.raises(TokenExpired):
        made.check_age(token, 30)


# -- at the doors ----------------------------------------------------------------------------------


def code(answer: object) -> str:
    return str(getattr(answer, "json")["error"]["code"])  # noqa: B009  # of a werkzeug answer


def test_a_fresh_token_stays_and_an_older_one_is_replaced(site: Site) -> None:
    browser = site.browser()
    first = browser.open()
    site.clock.advance(3600)
    assert browser.open()["visitor_token"] == first["visitor_token"]
    site.clock.advance(DAY_S)
    later = browser.open()
    assert later["visitor_token"] != first["visitor_token"]
    assert later["visitor"]["id"] == first["visitor"]["id"]
    assert later["expires_at"] > first["expires_at"]
    # Another tab has the old one still: it holds until it expires.
    site.clock.advance(28 * DAY_S)
    browser.token = first["visitor_token"]
    browser.say("hello")


def test_an_expired_token_is_said_to_be_that_and_makes_a_new_visitor(site: Site) -> None:
    browser = site.browser()
    first = browser.open()
    site.clock.advance(31 * DAY_S)
    assert code(browser.call("POST", "/messages", {"client_id": "a", "text": "b"})) == (
        "token_expired"
    )
    assert browser.open()["visitor"]["id"] != first["visitor"]["id"]


def test_a_token_is_of_one_deployment(site: Site) -> None:
    acme, other = site.browser(ACME), site.browser(OTHER)
    acme.open()
    mine = acme.token
    acme.say("hello")
    # On the other site it is as good as none.
    there = other.open(visitor_token=mine)
    assert there["visitor"]["id"] not in str(site.parts.widgets.tokens.read(mine or ""))
    # And its own page may not use it there, whatever it says.
    other.token = mine
    assert code(other.call("POST", "/messages", {"client_id": "a", "text": "b"})) == (
        "origin_not_allowed"
    )


def test_without_a_token_nobody_comes_in(site: Site) -> None:
    browser = site.browser()
    for header in (
        "",
        "Bearer",
        "Bearer ",
        "Basic abc",
        "Bearer nonsense",
        "bearer a b",
        "Bearer ü",
    ):
        answer = browser.call("POST", "/messages", {}, headers={"Authorization": header})
        assert (answer.status_code, code(answer)) == (401, "token_invalid"), header


def test_logging_out_makes_every_token_void(any_site: Site) -> None:
    browser = any_site.browser()
    first = browser.open()
    old = browser.token
    any_site.clock.advance(2 * DAY_S)
    browser.open()
    assert browser.token != old
    assert browser.call("POST", "/logout").status_code == 204
    for token in (old, browser.token):
        answer = browser.call("POST", "/messages", {"client_id": "a", "text": "b"}, token=token)
        assert (answer.status_code, code(answer)) == (401, "token_invalid")
        assert browser.open(visitor_token=token)["visitor"]["id"] != first["visitor"]["id"]
