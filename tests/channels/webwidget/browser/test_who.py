"""Who is who: known visitors, forged ones, another site's, and a shared computer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import BrowserContext, expect

from tests.channels.webwidget.browser.pages import Pages
from tests.channels.webwidget.browser.shop import OTHER_KEY, Shop, proof
from tests.channels.webwidget.browser.visitor import Visitor
from tests.services.processes import wait_until

Visit = Callable[..., Visitor]


def identify(visitor: Visitor, **identity: str) -> None:
    visitor.page.evaluate("identity => GatewayWidget.identify(identity)", identity)


def heard(visitor: Visitor, event: str) -> list[Any]:
    """What the page's listener has been told."""
    told: list[Any] = visitor.page.evaluate(f"window.heard_{event} || []")
    return told


def listen(visitor: Visitor, event: str) -> None:
    visitor.page.evaluate(
        f"GatewayWidget.on('{event}', one => (window.heard_{event} ||= []).push(one ?? null))"
    )


def test_a_proven_visitor_finds_their_talk_on_another_device(visit: Visit) -> None:
    jwt = proof(sub="user-7", name="Nora Kelly", email="nora@kelly.example")
    at_home = visit()
    at_home.write("Where is my order FL-1042?")
    at_home.sees("left us on Thursday")
    identify(at_home, jwt=jwt)
    wait_until(lambda: at_home.level == "verified", "the proof")
    at_home.sees("left us on Thursday")  # what was said before went along

    on_the_way = visit(open=False)
    identify(on_the_way, jwt=jwt)
    on_the_way.open()
    on_the_way.sees("left us on Thursday")
    on_the_way.write("Still me, on the train. Are you open today?")
    at_home.sees("Still me, on the train.")


def test_a_claim_proves_nothing(visit: Visit) -> None:
    visitor = visit()
    identify(visitor, name="Nora Kelly", email="nora@kelly.example")
    wait_until(lambda: visitor.level == "claimed", "the claim")
    visitor.sees("left us on Thursday", times=0)


def test_an_expired_and_a_forged_jwt_change_nothing(visit: Visit) -> None:
    visitor = visit()
    visitor.write("What does shipping cost?")
    visitor.sees("Shipping is 4.90 EUR")
    before = visitor.id
    listen(visitor, "identity_rejected")
    for number, jwt in enumerate(
        [
            proof(sub="user-7", lasts_s=-600),
            proof("somebody else's idea of the secret, long enough", sub="user-7"),
            "not.a.jwt",
        ],
        start=1,
    ):
        identify(visitor, jwt=jwt)
        wait_until(lambda n=number: len(heard(visitor, "identity_rejected")) == n, "the refusal")
    assert (visitor.id, visitor.level) == (before, "anonymous")
    visitor.write("Thanks!")
    visitor.sees("Thanks!")


def test_somebody_else_at_the_same_computer_sees_nothing_of_it(
    visit: Visit, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context()
    visitor = visit(context=context)
    identify(visitor, jwt=proof(sub="user-8"))
    wait_until(lambda: visitor.level == "verified", "the proof")
    visitor.write("What does shipping cost?")
    visitor.sees("Shipping is 4.90 EUR")
    first = visitor.id
    identify(visitor, jwt=proof(sub="user-9"))
    wait_until(lambda: visitor.id != first, "somebody new")
    visitor.sees("Shipping is 4.90 EUR", times=0)


def test_a_shutdown_leaves_nothing_behind(visit: Visit, shop: Shop) -> None:
    visitor = visit()
    visitor.write("What does shipping cost?")
    visitor.sees("Shipping is 4.90 EUR")
    token = visitor.kept["token"]
    visitor.page.evaluate("GatewayWidget.shutdown()")
    assert visitor.page.evaluate("Object.keys(localStorage)") == []
    databases = visitor.page.evaluate("indexedDB.databases().then(all => all.map(one => one.name))")
    assert databases == []
    assert visitor.page.locator("body > *").count() == 1  # the page's own
    assert shop.call("GET", "/messages", token).status_code == 401

    visitor.page.reload()
    visitor.open()
    visitor.sees("Hello! Ask about an order")
    visitor.sees("Shipping is 4.90 EUR", times=0)


def test_another_sites_key_opens_nothing(
    visit: Visit, pages: Pages, tag: Callable[..., str]
) -> None:
    """Its deployment does not know this page: the browser does not even show the refusal."""
    visitor = visit(pages.page("/other", head=tag(OTHER_KEY)))
    expect(visitor.dialog).to_contain_text("No connection")
    wait_until(lambda: any("CORS" in one for one in visitor.troubles), "the browser's word")
    visitor.troubles.clear()
    assert (
        visitor.evaluate("Object.keys(localStorage).filter(key => key.endsWith('visitor'))") == []
    )
    visitor.page.goto("about:blank")  # it tries on
    visitor.troubles.clear()


def test_an_unknown_key_is_said_to_the_page(
    visit: Visit, pages: Pages, tag: Callable[..., str]
) -> None:
    visitor = visit(pages.page("/nobody", head=tag("nobody's key")), open=False)
    listen(visitor, "error")
    visitor.button("Open chat").click()
    wait_until(lambda: heard(visitor, "error"), "the refusal")
    visitor.troubles.clear()
