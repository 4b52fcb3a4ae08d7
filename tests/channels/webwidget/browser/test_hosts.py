"""Pages that make it hard, and what the widget does to any page: nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.channels.webwidget.browser.pages import Pages
from tests.channels.webwidget.browser.shop import KEY, Shop
from tests.channels.webwidget.browser.visitor import Visitor

Visit = Callable[..., Visitor]

# Everything that a careless or malicious page does to its own world before the widget comes.
HOSTILE = """
<style>* { all: unset !important; display: none !important }</style>
<script>
  window.fetch = () => Promise.reject(new Error("not yours"));
  window.XMLHttpRequest = window.EventSource = function () { throw new Error("no"); };
  window.JSON = { parse: () => ({}), stringify: () => "{}" };
  for (const name of ["map", "filter", "forEach", "push", "indexOf", "includes", "join", "slice"])
    Array.prototype[name] = function () { throw new Error("polluted"); };
  Array.prototype.polluted = "yes";
  Object.prototype.inherited = "yes";
  Array.prototype[Symbol.iterator] = function* () { throw new Error("polluted"); };
  String.prototype.trim = () => "polluted";
  Promise.prototype.then = function () { throw new Error("polluted"); };
  window.Promise = window.Map = window.Set = window.URL = function () { throw new Error("no"); };
  window.setTimeout = () => { throw new Error("no"); };
</script>
"""

# What a page can notice of somebody else's script, taken before it runs.
WATCH = """
<script>
  window.before = {
    globals: new Set(Object.getOwnPropertyNames(window)),
    prototypes: [Object, Array, String, Promise, Element, EventTarget, History, Document].map(
      (one) => [one.prototype, Object.entries(Object.getOwnPropertyDescriptors(one.prototype))]),
    fetch: window.fetch, history: history.length, hash: location.href,
  };
  window.shifts = [];
  const box = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join();
  // Also what follows the visitor's own acts, which a browser would not count.
  new PerformanceObserver((list) => shifts.push(...list.getEntries().map((one) =>
    `${one.value} at ${one.startTime}: ` + one.sources.map((source) =>
      `${source.node?.nodeName} ${box(source.previousRect)} to ${box(source.currentRect)}`))))
    .observe({ type: "layout-shift", buffered: true });
</script>
"""

NOTICED = """() => ({
  globals: Object.getOwnPropertyNames(window).filter(
    (name) => !before.globals.has(name) && !["before", "shifts"].includes(name) && isNaN(name)),
  prototypes: before.prototypes.flatMap(([prototype, was]) => [
    ...was.filter(([name, one]) => {
      const now = Object.getOwnPropertyDescriptor(prototype, name);
      return !now || now.value !== one.value || now.get !== one.get || now.set !== one.set;
    }).map(([name]) => name),
    ...Object.getOwnPropertyNames(prototype).filter((name) => !was.some(([old]) => old === name)),
  ]),
  fetch: window.fetch === before.fetch,
  history: history.length - before.history,
  moved: location.href !== before.hash,
  shifts,
  cookies: document.cookie,
  children: document.body.children.length,
  frames: window.length,
})"""


def talk(visitor: Visitor) -> None:
    visitor.write("Where is my order FL-1042?")
    visitor.sees("left us on Thursday")


def test_the_page_notices_nothing(visit: Visit, pages: Pages, tag: Callable[..., str]) -> None:
    visitor = visit(pages.page("/watching", head=WATCH + tag()), open=False)
    page = visitor.page
    expect(visitor.button("Open chat")).to_be_visible()
    # Two frames: what the launcher moves, it has moved by now.
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    page.get_by_label("Search").fill("lights")
    height = page.evaluate("document.documentElement.scrollHeight")
    visitor.open()
    visitor.sees("Hello! Ask about an order")
    talk(visitor)
    noticed: dict[str, Any] = page.evaluate(NOTICED)
    assert noticed == {
        "globals": ["GatewayWidget"], "prototypes": [], "fetch": True, "history": 0,
        "moved": False, "shifts": [], "cookies": "", "children": 2, "frames": 0,
    }  # fmt: skip
    assert page.evaluate("document.documentElement.scrollHeight") == height
    visitor.button("Close chat").first.click()
    expect(visitor.dialog).to_be_hidden()
    expect(page.get_by_label("Search")).to_have_value("lights")


def test_a_hostile_page_gets_a_working_widget(
    visit: Visit, pages: Pages, tag: Callable[..., str], shop: Shop
) -> None:
    visitor = visit(pages.page("/hostile", head=HOSTILE + tag()))
    visitor.sees("Hello! Ask about an order")
    talk(visitor)
    box = visitor.dialog.bounding_box()
    assert box is not None
    assert box["width"] > 300
    # What the page does with its own things goes on working as it broke it.
    assert visitor.evaluate("[].polluted") == "yes"
    assert visitor.evaluate("fetch.toString().includes('not yours')")
    assert visitor.evaluate("getComputedStyle(document.querySelector('main')).display") == "none"
    assert shop.written(visitor.id) == ["Where is my order FL-1042?"]


def strict(shop: Shop) -> str:
    """The policy that docs/widget.md tells, on a page that allows nothing else."""
    return (
        f"default-src 'none'; script-src {shop.url}; connect-src {shop.url}; "
        f"img-src {shop.url} https: blob:; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types gateway-widget"
    )


def test_a_strict_policy_blocks_nothing(
    visit: Visit, pages: Pages, tag: Callable[..., str], shop: Shop
) -> None:
    policy = {"Content-Security-Policy": strict(shop)}
    visitor = visit(pages.page("/strict", head=tag(), headers=policy))
    talk(visitor)
    visitor.button("Close chat").first.click()
    visitor.open()
    visitor.sees("left us on Thursday")


def test_a_page_that_isolates_itself_may_load_it(
    visit: Visit, pages: Pages, tag: Callable[..., str]
) -> None:
    headers = {
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    talk(visit(pages.page("/isolated", head=tag(), headers=headers)))


def test_the_shop_page_works_under_its_own_policy(visit: Visit, shop: Shop) -> None:
    visitor = visit(f"{shop.url}/widget/demo/acme-web")
    talk(visitor)


def test_calls_from_before_the_script_are_heard(
    visit: Visit, pages: Pages, tag: Callable[..., str], shop: Shop
) -> None:
    queue = """<script>
      window.GatewayWidget = window.GatewayWidget || [];
      GatewayWidget.push(["on", "ready", () => { window.was_ready = true; }]);
      GatewayWidget.push(["setParameters", { page: "checkout", basket: 129.9 }]);
      GatewayWidget.push(["open"]);
    </script>"""
    visitor = visit(pages.page("/queue", head=queue + tag()), open=False)
    expect(visitor.dialog).to_be_visible()
    assert visitor.page.evaluate("window.was_ready")
    talk(visitor)


@pytest.mark.parametrize("where", ["removed", "replaced"])
def test_a_page_that_throws_its_body_away_keeps_the_widget(visit: Visit, where: str) -> None:
    """As pages do whose framework draws the whole body anew."""
    visitor = visit()
    talk(visitor)
    script = {
        "removed": "document.body.lastElementChild.remove()",
        "replaced": "document.body = document.createElement('body')",
    }[where]
    visitor.page.evaluate(script)
    visitor.sees("left us on Thursday")
    visitor.write("What does shipping cost?")
    visitor.sees("Shipping is 4.90 EUR")


def test_nothing_is_asked_of_the_gateway_before_somebody_opens_it(visit: Visit, shop: Shop) -> None:
    visitor = visit(open=False)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.page.reload()
    expect(visitor.button("Open chat")).to_be_visible()
    assert [url for url in asked if url.startswith(shop.url)] == [f"{shop.url}/widget.js"]
    assert visitor.page.evaluate(f"localStorage.getItem('gateway-widget:{KEY}:visitor')") is None
