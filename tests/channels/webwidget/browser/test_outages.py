"""Nothing is lost and nothing comes twice, whatever happens to the server or the connection."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Route, expect

from tests.channels.webwidget.browser.shop import Shop
from tests.channels.webwidget.browser.visitor import Visitor
from tests.services.processes import wait_until

Visit = Callable[..., Visitor]
MESSAGES = "**/widget/v1/messages"


def refuse_messages(visitor: Visitor) -> None:
    """Let every message of this tab be refused for good."""

    def refuse(route: Route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        error = {"code": "unreadable", "message": "no", "details": {}}
        return route.fulfill(
            status=400, json={"error": error}, headers={"Access-Control-Allow-Origin": "*"}
        )

    visitor.page.route(MESSAGES, refuse)


def test_the_server_is_killed_while_the_visitor_writes(visit: Visit, shop: Shop) -> None:
    visitor = visit()
    visitor.watch_for_doubles()
    said = [f"Word {number}" for number in range(12)]
    for number, text in enumerate(said):
        if number == 4:
            shop.kill()
        if number == 8:
            shop.start()
        visitor.write(text)
        # To the letter: "Word 1" and its time, 10:06, are "Word 110:06" to whoever looks for 11.
        expect(visitor.log.get_by_text(text, exact=True)).to_have_count(1)
    wait_until(lambda: len(shop.written(visitor.id)) >= len(said), "every word in the record")
    visitor.write("The last word")
    wait_until(lambda: shop.written(visitor.id)[-1] == "The last word", "the last word")
    assert shop.written(visitor.id) == [*said, "The last word"]
    for text in said:
        expect(visitor.log.get_by_text(text, exact=True)).to_have_count(1)
    assert visitor.most_at_once == dict.fromkeys([*said, "The last word"], 1)


def test_what_was_written_survives_a_reload_while_the_server_is_away(
    visit: Visit, shop: Shop
) -> None:
    visitor = visit()
    visitor.write("What does shipping cost?")
    visitor.sees("Shipping is 4.90 EUR")
    shop.kill()
    visitor.write("Said to nobody")
    visitor.sees("Said to nobody")
    visitor.page.reload()  # the loader is in the browser's cache
    shop.start()
    visitor.sees("Said to nobody")
    wait_until(lambda: len(shop.written(visitor.id)) == 2, "what was said to nobody")
    assert shop.written(visitor.id) == ["What does shipping cost?", "Said to nobody"]


def test_offline_and_back(
    visit: Visit, new_context: Callable[..., BrowserContext], shop: Shop
) -> None:
    context = new_context()
    visitor = visit(context=context)
    visitor.write("What does shipping cost?")
    visitor.sees("Shipping is 4.90 EUR")
    context.set_offline(True)
    visitor.write("When are you open?")
    visitor.write("And on Saturday?")
    visitor.sees("And on Saturday?")
    expect(visitor.dialog).to_contain_text("No connection.")
    assert len(shop.written(visitor.id)) == 1
    context.set_offline(False)
    visitor.sees("is open Monday to Friday")
    expect(visitor.dialog).not_to_contain_text("No connection.")
    both = ["When are you open?", "And on Saturday?"]  # the first may be answered before the second
    wait_until(lambda: len(shop.written(visitor.id)) > len(both), "all of it to be written")
    assert shop.written(visitor.id)[1:] == both


def test_an_answer_that_got_lost_is_no_second_message(visit: Visit, shop: Shop) -> None:
    """The request arrives, the answer does not: sent again or not, it is there once."""
    visitor = visit()
    lost = []

    def lose(route: Route) -> None:
        if route.request.method == "POST" and len(lost) < 2:
            lost.append(route.fetch().status)  # it did arrive
            route.abort()
        else:
            route.continue_()

    visitor.page.route(MESSAGES, lose)
    visitor.write("What does shipping cost?")
    visitor.sees("Shipping is 4.90 EUR")
    assert lost[0] == 200
    assert shop.written(visitor.id) == ["What does shipping cost?"]
    visitor.sees("What does shipping cost?")


def test_without_a_stream_it_asks(visit: Visit) -> None:
    """A proxy that lets no stream through: answers come all the same."""
    visitor = visit(open=False)
    visitor.page.route("**/widget/v1/events**", lambda route: route.abort())
    visitor.open()
    visitor.write("What does shipping cost?")
    visitor.sees("Shipping is 4.90 EUR")


def test_a_slow_network_keeps_the_order(visit: Visit, shop: Shop) -> None:
    visitor = visit(open=False)
    session = visitor.context.new_cdp_session(visitor.page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 400, "downloadThroughput": 6_000, "uploadThroughput": 6_000},
    )
    visitor.open()
    said = ["What does shipping cost?", "And to Spain?", "And when are you open?"]
    for text in said:
        visitor.write(text)
        visitor.sees(text)  # shown at once, however slow
    visitor.sees("is open Monday to Friday")
    assert shop.written(visitor.id) == said


def test_what_the_gateway_refuses_is_kept_and_can_be_tried_again(visit: Visit, shop: Shop) -> None:
    visitor = visit()
    refuse_messages(visitor)
    visitor.write("What does shipping cost?")
    visitor.sees("What does shipping cost?")
    retry = visitor.button("Try again")
    expect(retry).to_be_visible()
    visitor.page.unroute(MESSAGES)
    visitor.troubles.clear()  # Chromium reports the 400
    retry.click()
    visitor.sees("Shipping is 4.90 EUR")
    assert shop.written(visitor.id) == ["What does shipping cost?"]
