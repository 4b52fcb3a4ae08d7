"""What protects the pages: roles, the cookie's calls of the API, headers, errors for people."""

from __future__ import annotations

from typing import Any

from werkzeug.routing import Rule

from gateway.errors import Unavailable
from gateway.streams.frames import opening_frame
from tests.console.house import ConsoleHouse, words

ADMINS_ONLY = ("/operators", "/audit", "/channels", "/deliveries")


def pages_of(house: ConsoleHouse) -> list[Rule]:
    """Every page of the console that is opened by GET."""
    return [
        rule
        for rule in house.app.url_map.iter_rules()
        if rule.endpoint.startswith("console.") and "GET" in (rule.methods or ())
    ]


def filled(rule: Rule) -> str:
    """A rule's address, with ids that there are not."""
    path = rule.rule
    for name in rule.arguments:
        prefix = {"session_id": "ses", "contact_id": "con", "operator_id": "opr",
                  "delivery_id": "dlv"}.get(name, "xyz")  # fmt: skip
        path = path.replace(f"<path:{name}>", "nothing").replace(
            f"<{name}>", f"{prefix}_{'0' * 26}"
        )
    return path


def test_nobody_sees_a_page_who_has_not_signed_in(house: ConsoleHouse) -> None:
    looked_at = 0
    for rule in pages_of(house):
        if rule.endpoint in ("console.login", "console.nothing_here"):
            continue
        answer = house.stranger().ask("GET", filled(rule))
        looked_at += 1
        if rule.endpoint == "console.events":
            assert answer.status_code == 401
        else:
            assert answer.status_code == 303, rule
            assert answer.headers["Location"].startswith("/console/login?next="), rule
        assert "Operator Ann" not in answer.text
    assert looked_at >= 9


def test_administration_is_for_administrators(house: ConsoleHouse) -> None:
    for browser in (house.browser("viewer"), house.browser("operator")):
        for path in (*ADMINS_ONLY, f"/operators/{house.ids['admin']}"):
            answer = browser.get(path)
            assert answer.status_code == 403, path
            assert "not for your role" in answer.text
            assert "admin@acme.test" not in answer.text
        menu = browser.html("/sessions")
        assert "/console/operators" not in menu
        assert 'href="/console/sessions"' in menu


def test_ids_of_others_and_of_nothing_open_nothing(house: ConsoleHouse) -> None:
    admin = house.browser("admin")
    for id in (f"opr_{'0' * 26}", house.session(), "opr_", "..%2f..%2fetc", "a" * 300, "opr_%00"):
        answer = admin.get(f"/operators/{id}")
        assert answer.status_code == 404, id
        assert "There is nothing here" in answer.text


# -- the API by cookie ---------------------------------------------------------------------------


def test_the_api_takes_the_cookie_for_reading(house: ConsoleHouse) -> None:
    for role in ("admin", "operator", "viewer"):
        answer = house.browser(role).api("GET", "/me", csrf="")
        assert answer.json["id"] == house.ids[role]
        assert "RateLimit-Limit" not in answer.headers  # no Redis here


def test_a_call_that_changes_something_needs_the_pages_word(house: ConsoleHouse) -> None:
    session = house.session()
    browser = house.browser("operator")
    for said in ("", "0" * 64, "é", house.browser("admin").csrf):
        for method, path, body in (
            ("POST", f"/sessions/{session}/handover", {}),
            ("POST", f"/sessions/{session}/messages", {"text": "Hello"}),
            ("PATCH", "/me", {"name": "Mallory"}),
            ("PUT", "/me/presence", {"state": "away"}),
            ("PUT", "/me/password", {"current_password": "x", "password": "12345678"}),
            ("DELETE", f"/operators/{house.ids['operator']}/avatar", None),
        ):
            answer = browser.api(method, path, body, csrf=said)
            assert answer.status_code == 403, path
            assert answer.json["error"]["code"] == "csrf"
    assert house.get(f"/sessions/{session}").json["mode"] == "ai"


def test_a_form_of_another_site_changes_nothing(house: ConsoleHouse) -> None:
    """What a browser sends along by itself: the cookie, and a body that is JSON by chance."""
    session = house.session()
    browser = house.browser("operator")
    answer = browser.ask(
        "POST", f"/api/v1/sessions/{session}/handover",
        headers={"Origin": "https://evil.test", "Content-Type": "text/plain"},
        data='{"reason":"="}',
    )  # fmt: skip
    assert answer.status_code == 403
    assert house.get(f"/sessions/{session}").json["mode"] == "ai"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_an_act_by_cookie_is_its_persons(house: ConsoleHouse) -> None:
    session = house.session()
    browser = house.browser("operator")
    answer = browser.api("POST", f"/sessions/{session}/handover", {"reason": "upset"})
    assert answer.json["message"] == "Session set to operator"
    (entry,) = house.get("/audit?action=hand_over", "admin").json["items"]
    assert entry["actor"]["id"] == house.ids["operator"]
    assert entry["actor"]["token_id"] is None
    assert entry["actor"]["address"] == "192.0.2.1"
    assert house.browser("viewer").api("POST", f"/sessions/{session}/accept").status_code == 403


def test_a_token_goes_before_the_cookie(house: ConsoleHouse) -> None:
    browser = house.browser("admin")
    by_token = {"Authorization": f"Bearer {house.tokens['viewer']}"}
    assert browser.api("GET", "/me", headers=by_token).json["id"] == house.ids["viewer"]
    for wrong in ("Bearer gwt_wrong", "Basic eDp5", ""):
        assert browser.api("GET", "/me", headers={"Authorization": wrong}).status_code == 401


def test_a_cookie_that_is_none(house: ConsoleHouse) -> None:
    browser = house.stranger()
    for value in ("x", "A" * 43, "é" * 43, "A" * 4_000):
        browser.client.set_cookie("__Host-gateway", value, domain="gateway.acme.test", secure=True)
        assert browser.api("GET", "/me").status_code == 401
        assert browser.get("/sessions").status_code == 303


def test_the_stream_is_for_those_who_have_signed_in(house: ConsoleHouse) -> None:
    answer = house.browser("viewer").get("/events", buffered=False)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/event-stream"
    first = next(iter(answer.response))
    assert isinstance(first, bytes)
    assert first.startswith(opening_frame(0, 0)[:4])
    answer.close()


# -- what browsers are told ------------------------------------------------------------------------


def test_no_page_runs_or_frames_what_is_not_ours(house: ConsoleHouse) -> None:
    for path in ("/login", "/sessions", "/operators", "/nothing", "/events"):
        who = house.stranger() if path in ("/login", "/events") else house.browser("admin")
        headers = who.get(path).headers
        said = headers["Content-Security-Policy"]
        policy = dict(part.strip().split(" ", 1) for part in said.split(";"))
        assert policy["default-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["base-uri"] == policy["object-src"] == "'none'"
        assert policy["form-action"] == "'self'"
        assert "unsafe" not in said
        assert "https:" not in said
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Strict-Transport-Security"].startswith("max-age=")
        assert headers["Cache-Control"] == "no-store"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_pages_hold_nothing_inline(house: ConsoleHouse) -> None:
    admin = house.browser("admin")
    for path in (
        "/sessions",
        "/operators",
        f"/operators/{house.ids['viewer']}",
        "/audit",
        "/account",
    ):
        html = admin.html(path)
        assert " style=" not in html
        assert "<style" not in html
        assert " onclick=" not in html
        assert html.count("<script") == html.count('<script type="module" src="/console/assets/')


def test_built_files_are_kept_for_ever(house: ConsoleHouse) -> None:
    browser = house.stranger()
    html = browser.html("/login")
    script = html.split('<script type="module" src="')[1].split('"')[0]
    answer = browser.ask("GET", script, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    for name in ("nothing.js", "../rooms.py", "sources.sha256"):
        assert browser.get(f"/assets/{name}").status_code == 404


# -- names that want to be more than names ---------------------------------------------------------


def test_the_audit_log_says_what_changed_in_words(house: ConsoleHouse) -> None:
    admin = house.browser("admin")
    path = f"/operators/{house.ids['viewer']}"
    admin.api("PATCH", path, {"max_sessions": 3, "days_off": ["2026-12-25", "2026-12-26"]})
    admin.api("PATCH", path, {"max_sessions": None, "active": False})
    html = admin.html(f"/audit?object={house.ids['viewer']}")
    for wrong in ("null", "true", "[", "{"):
        assert wrong not in html.partition("<tbody>")[2].partition("</tbody>")[0], wrong
    said = words(html)
    for text in ("<ins>3</ins>", "<del>3</del>", "<ins>2026-12-25, 2026-12-26</ins>"):
        assert text in html, text
    assert "active yes no" in said


SCRIPT = '"><img src=x onerror=alert(1)><script>alert(2)</script>{{1234567*7}}'


def test_names_are_shown_as_they_are_and_run_nowhere(house: ConsoleHouse) -> None:
    house.browser("admin").api("PATCH", f"/operators/{house.ids['viewer']}", {"name": SCRIPT})
    house.post("/teams", {"name": SCRIPT[:90], "member_ids": [house.ids["viewer"]]}, "admin")
    admin, viewer = house.browser("admin"), house.browser("viewer")
    for html in (
        admin.html("/operators"),
        admin.html(f"/operators/{house.ids['viewer']}"),
        admin.html("/audit"),
        admin.html(f"/operators?q={SCRIPT}"),
        admin.html('/audit?action=<script>alert(3)</script>&object="onfocus=alert(4)'),
        viewer.html("/account"),
        viewer.html("/sessions"),
    ):
        assert "<img src=x" not in html
        assert "<script>" not in html
        assert '"onfocus' not in html
        assert "{{1234567*7}}" in html or "8641969" not in html


# -- errors for people -----------------------------------------------------------------------------


def test_errors_are_pages_in_the_same_look(house: ConsoleHouse) -> None:
    answer = house.browser("viewer").get("/no/such/page")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "There is nothing here" in answer.text
    assert "/console/assets/console-" in answer.text


def test_trouble_of_ours_says_no_more_than_it_must(house: ConsoleHouse) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a secret detail")

    house.app.view_functions["console.sessions"] = broken
    browser = house.stranger()
    answer = browser.get("/sessions")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text


def test_while_the_record_is_away_the_page_comes_back_by_itself(house: ConsoleHouse) -> None:
    def away(*_: Any) -> None:
        raise Unavailable("the database cannot keep it just now")

    house.app.view_functions["console.sessions"] = away
    answer = house.stranger().get("/sessions")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert '<meta http-equiv="refresh" content="5">' in answer.text
    part = house.stranger().part("/sessions")
    assert part.status_code == 503
    assert "<html" not in part.text


def test_an_open_page_whose_sign_in_has_ended_goes_to_the_form(house: ConsoleHouse) -> None:
    answer = house.stranger().part("/sessions")
    assert answer.status_code == 401
    assert answer.headers["HX-Refresh"] == "true"


def test_a_page_that_takes_over_misses_nothing(house: ConsoleHouse) -> None:
    session = house.session()
    house.post(f"/sessions/{session}/handover")
    browser = house.browser("viewer")
    for after, expected in (("0", b"event: session.handed_over"), ("x", b"event: reset")):
        answer = browser.get(f"/events?after={after}", buffered=False)
        frames = iter(answer.response)
        assert expected in b"".join(bytes(next(frames)) for _ in range(2))
        answer.close()
