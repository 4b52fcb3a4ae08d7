"""360 View: searching, one customer with all that is known, two side by side; for whom it opens."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any
from urllib.parse import quote

from gateway.events import ContactSeen
from gateway.store.models import ChatSession, Contact
from tests.console.house import ConsoleHouse, words
from tests.services.statements import counted

SCRIPT = "'\"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}"
NOBODY = "con_" + "0" * 26


def customer(house: ConsoleHouse, key: str, **details: Any) -> str:
    """A customer with a session of their own; the contact's id."""
    seen = ContactSeen(id=key, **{"name": f"Customer {key}", **details})
    house.happen(f"of-{key}", house.said(f"of-{key}", "Hello?"), contact=seen)
    (session,) = house.get(f"/sessions?conversation=of-{key}").json["items"]
    return str(session["contact"]["id"])


def test_customers_are_found_by_name_address_number_and_ids(house: ConsoleHouse) -> None:
    ann = customer(house, "a1", name="Ann Lee", email="ann@acme.test", phone="+44 20 7946 0000")
    customer(house, "b2", name="Bob Ray", email="bob@acme.test")
    browser = house.browser("viewer")
    for q in ("ann", "LEE", "ann@acme", "+442079460000", "0044 20 79460000", ann, "a1", " ann "):
        said = words(browser.html(f"/customers?q={quote(q)}"))
        assert "Ann Lee" in said, q
        assert "Bob Ray" not in said, q
    assert "Nobody found" in browser.html("/customers?q=zoe")
    assert {"Ann Lee", "Bob Ray"} <= set(re.findall(r"Ann Lee|Bob Ray", browser.html("/customers")))
    assert browser.get("/customers?q=%00").status_code == 200


def test_nobody_is_known_yet(house: ConsoleHouse) -> None:
    assert "No customers yet" in house.browser("viewer").html("/customers")


def test_columns_are_those_that_this_browser_chose(house: ConsoleHouse) -> None:
    contact = customer(house, "a1", email="ann@acme.test")
    operator = house.browser("operator")
    tag = operator.api("GET", f"/contacts/{contact}").headers["ETag"]
    patch = {"custom": {"order_no": "A-17"}}
    operator.api("PATCH", f"/contacts/{contact}", patch, headers={"If-Match": tag})

    def heads() -> list[str]:
        return re.findall(r'<th scope="col">([^<]+)</th>', operator.html("/customers"))

    assert heads() == ["Name", "E-mail", "Phone", "Level", "Channels", "First seen"]
    for cookie, columns in (
        ("level~custom.order_no", ["Name", "Level", "order_no"]),
        ("", ["Name"]),
        ("email~password~custom.<b>~%00", ["Name", "E-mail"]),
    ):
        operator.client.set_cookie(
            "gateway-columns", cookie, domain="gateway.acme.test", path="/console"
        )
        assert heads() == columns
    operator.client.set_cookie(
        "gateway-columns", "custom.order_no", domain="gateway.acme.test", path="/console"
    )
    assert "A-17" in operator.html("/customers")


def test_pages_of_the_list_go_on(house: ConsoleHouse) -> None:
    for number in range(53):
        customer(house, f"c{number}", name=f"Number {number}.")
    browser = house.browser("viewer")
    first = browser.html("/customers?q=number")
    assert "Number 52." in first
    assert "Number 2." not in first
    found = re.search(r'href="([^"]+)" rel="next"', first)
    assert found
    second = browser.html(unescape(found[1]).removeprefix("/console"))
    assert "Number 2." in second
    assert "Number 3." not in second
    assert 'href="/console/customers?q=number" rel="first"' in second
    assert browser.get("/customers?cursor=x").status_code == 400


def test_the_profile_shows_all_that_is_known(house: ConsoleHouse) -> None:
    contact = customer(house, "a1", name="Ann", email="ann@acme.test")
    (session,) = house.get(f"/contacts/{contact}/sessions").json["items"]
    house.database.write(
        lambda db: db.session.query(ChatSession).update(
            {"parameters": {"plan": "gold"}, "results": {"order": {"number": 17}}}
        )
    )
    said = words(house.browser("viewer").html(f"/customers/{contact}"))
    for text in (
        "ann@acme.test", "Claimed", "from acme-intercom", "Identities", "acme-intercom a1",
        "plan", "gold", '{"number":17}', "22 Nov 2026", "1 message", "First seen"[1:],
    ):  # fmt: skip
        assert text in said, text
    html = house.browser("viewer").html(f"/customers/{contact}")
    assert f'href="/console/sessions/{session["id"]}"' in html
    assert "data-act" not in html  # who may only look gets no buttons
    assert "data-edit-contact" not in html
    operator = house.browser("operator").html(f"/customers/{contact}")
    assert operator.count("Mark as verified</button>") == 2
    assert f'data-live-contact="{contact}"' in operator


def test_what_pages_say_is_what_the_api_takes(house: ConsoleHouse) -> None:
    """Verify, compare, join, undo, dismiss: the very calls that the buttons hold."""
    one = customer(house, "a1", name="Ann", email="ann@acme.test")
    other = customer(house, "b2", name="Annie", email="ann@acme.test")
    browser = house.browser("operator")

    def press(html: str, label: str) -> Any:
        buttons = re.findall(r"<button[^>]*data-act=[^>]*>[^<]*</button>", html)
        (button, *_) = [one for one in buttons if f">{label}</button>" in one]
        act, body = re.findall(r"data-act=\"([^\"]+)\" data-body='([^']+)'", button)[0]
        method, path = act.split(" ")
        answer = browser.api(method, path, json.loads(unescape(body)))
        assert answer.status_code == 200, answer.text
        return answer.json

    profile = browser.html(f"/customers/{one}")
    assert "Maybe the same person" in profile
    assert "the same e-mail address ( ann@acme.test , claimed)" in words(profile)
    press(profile, "Mark as verified")  # the first: the name
    assert words(browser.html(f"/customers/{one}")).count("Marked as verified by Operator Ann") == 1
    compare = browser.html(f"/customers/{one}/compare/{other}")
    assert "Annie" in compare
    press(compare, "Join the two")
    joined = browser.html(f"/customers/{one}")
    assert "Maybe the same person" not in joined
    assert words(joined).count("acme-intercom b2") == 1
    gone = browser.get(f"/customers/{other}")
    assert gone.headers["Location"] == f"/console/customers/{one}"
    part = browser.part(f"/customers/{other}")
    assert part.headers["HX-Redirect"] == f"/console/customers/{one}"
    assert browser.get(f"/customers/{one}/compare/{other}").status_code == 303
    press(joined, "Undo")
    assert words(browser.html(f"/customers/{other}")).count("Annie")
    assert "Maybe the same person" not in browser.html(f"/customers/{one}")


def test_two_side_by_side_show_what_they_would_be_together(house: ConsoleHouse) -> None:
    one = customer(house, "a1", name="Ann", phone="+44 20 7946 0000")
    other = customer(house, "b2", name="Bob", email="bob@acme.test")
    html = house.browser("operator").html(f"/customers/{one}/compare/{other}")
    row = re.search(r">E-mail</th>(.*?)</tr>", html, re.S)
    assert row
    assert words(row[1]).split() == ["–", "bob@acme.test", "bob@acme.test"]
    assert "neither address, number nor id in common" in html
    assert house.browser("viewer").get(f"/customers/{one}/compare/{other}").status_code == 403


def test_an_edit_leaves_a_line_of_history(house: ConsoleHouse) -> None:
    contact = customer(house, "a1", name="Ann")
    browser = house.browser("operator")
    for number in range(12):
        tag = browser.api("GET", f"/contacts/{contact}").headers["ETag"]
        house.clock.advance(1)
        edit = {"name": f"Ann {number}."}
        browser.api("PATCH", f"/contacts/{contact}", edit, headers={"If-Match": tag})
    profile = browser.html(f"/customers/{contact}")
    assert "Edited by Operator Ann" in words(profile)
    assert "Ann 0." not in words(profile)
    assert f"/console/customers/{contact}/history" in profile
    history = words(browser.html(f"/customers/{contact}/history"))
    assert "Ann 0." in history
    assert "Ann claimed → Ann 0. claimed" in history


def test_a_visitor_of_whom_nothing_is_known_has_a_page_too(house: ConsoleHouse) -> None:
    house.happen("of-x", house.said("of-x", "Hi"), contact=ContactSeen(id="x"))
    with house.database.read() as db:
        contact = db.session.query(Contact.id).scalar()
    assert "Customer · 360 View" in house.browser("viewer").html(f"/customers/{contact}")


def test_ids_that_are_nobodys_open_nothing(house: ConsoleHouse) -> None:
    known = customer(house, "a1")
    browser = house.browser("operator")
    for id in (NOBODY, "ses_" + "0" * 26, "con_", "x" * 300, "con_%00", "..%2f"):
        for path in (
            f"/customers/{id}", f"/customers/{id}/history", f"/customers/{id}/compare/{known}",
            f"/customers/{known}/compare/{id}", f"/customers?join={id}",
        ):  # fmt: skip
            assert browser.get(path).status_code == 404, path
    assert browser.get(f"/customers/{known}?sessions=x").status_code == 400


def test_nothing_that_a_customer_says_can_be_run(house: ConsoleHouse) -> None:
    evil = {"name": SCRIPT, "email": "x<script>@acme.test", "external_id": SCRIPT}
    one = customer(house, "<script>1", **evil)
    other = customer(house, "b2", **evil)
    browser = house.browser("operator")
    for contact in (one, other):
        tag = browser.api("GET", f"/contacts/{contact}").headers["ETag"]
        patch = {"custom": {"order": SCRIPT}, "name": SCRIPT + "2"}
        answer = browser.api("PATCH", f"/contacts/{contact}", patch, headers={"If-Match": tag})
        assert answer.status_code == 200
    house.database.write(
        lambda db: db.session.query(ChatSession).update(
            {"parameters": {SCRIPT: SCRIPT}, "results": {"r": [SCRIPT]},
             "responsible_kind": "operator", "responsible_id": "1", "responsible_name": SCRIPT}
        )
    )  # fmt: skip
    browser.client.set_cookie(
        "gateway-columns", "email~external_id~custom.order", domain="gateway.acme.test",
        path="/console",
    )  # fmt: skip
    for path in (
        "/customers", f"/customers?q={quote(SCRIPT)}", f"/customers/{one}",
        f"/customers/{one}/history", f"/customers/{one}/compare/{other}",
        f"/customers?join={one}",
    ):  # fmt: skip
        html = browser.html(path)
        assert "<img src=x" not in html, path
        assert "<script>" not in html, path
        assert "alert(1)" in html or path == f"/customers/{one}/history", path


def test_a_fixed_number_of_statements(on_both: ConsoleHouse) -> None:
    house = on_both
    browser = house.browser("operator")

    def costs(path: str) -> int:
        with counted(house.database) as said:
            browser.html(path)
        return len(said)

    contact = customer(house, "a0", name="Ann", email="ann@acme.test")
    few = costs("/customers"), costs(f"/customers/{contact}")
    for number in range(1, 25):
        customer(house, f"a{number}", name=f"Ann {number}", email="ann@acme.test")
        text = house.said("of-a0", f"Hello {number}")
        house.happen("of-a0", house.closed("of-a0"), text)
    many = costs("/customers"), costs(f"/customers/{contact}")
    # What there is more of (suggestions, people with names) is read in whole, not one by one.
    assert many[0] == few[0] <= 10
    assert many[1] <= few[1] + 6
    assert many[1] <= 32
    again = many[1]
    for number in range(25, 35):
        customer(house, f"a{number}", name=f"Ann {number}", email="ann@acme.test")
    assert costs(f"/customers/{contact}") == again
