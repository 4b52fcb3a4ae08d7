"""Which pages may call: those of the deployment, at every door, and nobody else may read on."""

import itertools

from werkzeug.test import TestResponse

from gateway.config import WebWidgetSettings
from tests.channels.webwidget.doors import doors_of
from tests.channels.webwidget.site import ACME, ORIGINS, OTHER, PREFIX, Site

FOREIGN = (
    "https://evil.example", "http://www.acme.example", "https://www.acme.example:444",
    "https://www.acme.example.evil.example", "https://acme.example", "null", "", "*",
    "https://www.acme.example/", "HTTPS://WWW.ACME.EXAMPLE",
)  # fmt: skip


def allowed(answer: TestResponse) -> str | None:
    return answer.headers.get("Access-Control-Allow-Origin")


def test_a_foreign_page_is_refused_at_every_door(site: Site) -> None:
    browser = site.browser()
    browser.open()
    for origin, (method, rule) in itertools.product(FOREIGN, doors_of(site.app)):
        answer = browser.call(method, rule, headers={"Origin": origin})
        assert answer.status_code == 403, rule
        assert answer.json is not None
        assert answer.json["error"]["code"] == "origin_not_allowed"
        assert allowed(answer) is None
        assert "Origin" in answer.headers["Vary"]
        preflight = browser.call("OPTIONS", rule, headers={"Origin": origin})
        assert preflight.status_code == 403
        assert allowed(preflight) is None


def test_the_deployments_page_may_ask_and_read(site: Site) -> None:
    browser = site.browser()
    for method, rule in doors_of(site.app):
        preflight = browser.call(
            "OPTIONS", rule,
            headers={
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "authorization, content-type",
            },
        )  # fmt: skip
        assert preflight.status_code == 204, rule
        assert allowed(preflight) == ORIGINS[ACME]
        assert method in preflight.headers["Access-Control-Allow-Methods"]
        named = preflight.headers["Access-Control-Allow-Headers"].lower()
        assert named == "authorization, content-type"
        # No cookie is used, so none may come along.
        assert "Access-Control-Allow-Credentials" not in preflight.headers
        # Refusals can be read, too: here there is no token yet.
        answer = browser.call(method, rule, headers={"Authorization": "Bearer nonsense"})
        assert allowed(answer) == ORIGINS[ACME], rule
        assert "Set-Cookie" not in answer.headers


def test_another_sites_page_does_not_open_this_one(site: Site) -> None:
    """Its origin is known here, and is none of this deployment's."""
    acme = site.browser(ACME)
    acme.open()
    for method, rule in doors_of(site.app):
        body = {"key": f"{ACME}-key"} if rule == "/sessions" else None
        answer = acme.call(method, rule, body, headers={"Origin": ORIGINS[OTHER]})
        if rule.startswith(("/events", "/avatars/")):  # no token says whose they are
            assert answer.status_code in (404, 422), rule
            continue
        assert answer.status_code == 403, rule
        assert allowed(answer) is None


def test_a_caller_without_an_origin_is_no_browser(site: Site) -> None:
    app = site.browser(origin=None)
    app.open()
    assert app.say("hello")["again"] is False
    answer = app.call("POST", "/messages", {"client_id": "x", "text": "y"})
    assert allowed(answer) is None
    assert "Origin" in answer.headers["Vary"]


def test_pages_without_an_origin_only_where_that_is_listed(migrated_sqlite_url: str) -> None:
    site = Site(migrated_sqlite_url)
    files = site.browser(origin="null")
    files.open(status=403)
    widget = site.settings.channels[ACME]
    assert isinstance(widget, WebWidgetSettings)
    site = Site(migrated_sqlite_url, origins={ACME: (*widget.allowed_origins, "null")})
    files = site.browser(origin="null")
    files.open()
    assert allowed(files.call("POST", "/messages", {"client_id": "x", "text": "y"})) == "null"


def test_what_is_no_door_answers_as_everywhere(site: Site) -> None:
    answer = site.app.test_client().get(PREFIX + "/nothing", headers={"Origin": ORIGINS[ACME]})
    assert answer.status_code == 404
    assert answer.json is not None
    assert answer.json["error"]["code"] == "not_found"
