"""GATEWAY_SECRET_KEY is replaced while people are in: what the old one signed holds for a while."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway import wiring
from gateway.app import create_app
from gateway.audit import configuration
from gateway.channels.webwidget.refusals import TokenInvalid
from gateway.channels.webwidget.signature import HEADER, derived_key, sign
from gateway.channels.webwidget.tickets import Ticket
from gateway.errors import NotAuthentic, NotFound
from tests.channels.webwidget.site import ACME, Site

OLD, NEW = "the gateway's secret", "a new key"


@pytest.fixture
def site(migrated_sqlite_url: str) -> Iterator[Site]:
    site = Site(migrated_sqlite_url)
    yield site
    site.parts.database.dispose()


def restarted(site: Site, key: str, *previous: str) -> None:
    """Another process with these keys over the same record."""
    site.parts.database.dispose()
    site.settings = replace(site.settings, secret_key=key, previous_secret_keys=previous)
    site.parts = wiring.build(site.settings, clock=site.clock)
    site.app = create_app(site.parts)


def test_a_visitor_stays_who_they_are(site: Site) -> None:
    visitor = site.browser()
    visitor.open()
    visitor.say("hello")
    before = visitor.token
    restarted(site, NEW, OLD)
    visitor.client = site.app.test_client()
    assert visitor.call("GET", "/messages").json["messages"]
    site.clock.advance(86_401)
    visitor.open()  # a day later they get another token, by the new key
    assert visitor.token != before
    restarted(site, NEW)
    visitor.client = site.app.test_client()
    assert visitor.call("GET", "/messages").json["messages"]
    with pytest.raises(TokenInvalid):
        site.parts.widgets.tokens.read(before)


def test_what_the_old_key_signed_holds_and_no_more_is_signed_with_it(site: Site) -> None:
    tickets, links, now = site.parts.tickets, site.parts.files._links, site.clock.now().timestamp()
    ticket = tickets.make(Ticket(channel=ACME, visitor="vis_a", generation=0, until=site.now))
    file = "fil_" + "a" * 26
    link = links.token(file, now)
    body = b"{}"
    signed = {HEADER: sign(body, derived_key(OLD, ACME))}

    restarted(site, NEW, OLD)
    receiver = site.parts.channels[ACME].receiver
    assert site.parts.tickets.read(ticket).visitor == "vis_a"
    assert site.parts.files._links.file_of(link, now) == file
    receiver.verify(signed, body)
    receiver.verify({HEADER: sign(body, derived_key(NEW, ACME))}, body)
    fresh = site.parts.files._links.token(file, now)
    newest = site.parts.tickets.make(
        Ticket(channel=ACME, visitor="vis_a", generation=0, until=site.now)
    )

    restarted(site, OLD)  # what was made since is the new key's alone
    with pytest.raises(NotFound):
        site.parts.files._links.file_of(fresh, now)
    with pytest.raises(TokenInvalid):
        site.parts.tickets.read(newest)

    restarted(site, NEW)  # the old one is taken out
    with pytest.raises(NotFound):
        site.parts.files._links.file_of(link, now)
    with pytest.raises(TokenInvalid):
        site.parts.tickets.read(ticket)
    with pytest.raises(NotAuthentic):
        site.parts.channels[ACME].receiver.verify(signed, body)


def test_the_audit_does_not_take_the_same_secrets_for_others(site: Site) -> None:
    def note() -> bool:
        return site.parts.database.write(
            lambda db: configuration.note(db, site.settings, now=site.now)
        )

    assert not note()
    restarted(site, NEW, OLD)
    assert not note()
    restarted(site, NEW)
    assert not note()
    restarted(site, "a third key")  # nothing says what it was before
    assert note()
