"""Coming in and going out: what the form takes, and what it gives nobody."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, update
from werkzeug.security import generate_password_hash

from gateway.people.guesses import MOST_OF_ACCOUNT, MOST_OF_BOTH, MOST_OF_NETWORK, WINDOW_S
from gateway.people.signins import IDLE_S, LONGEST_S, WRONG
from gateway.store.models import Operator, Signin
from tests.console.house import PASSWORD, ConsoleHouse

WHO = "operator@acme.test"


def signed_in(house: ConsoleHouse) -> int:
    with house.database.read() as db:
        return len(db.scalars(select(Signin.id)).all())


def test_whoever_signs_in_is_sent_where_they_wanted_to_go(house: ConsoleHouse) -> None:
    browser = house.stranger()
    answer = browser.get("/customers?q=ann")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/console/login?next=%2Fconsole%2Fcustomers%3Fq%3Dann"
    answer = browser.sign_in(WHO, next="/console/customers?q=ann")
    assert answer.headers["Location"] == "/console/customers?q=ann"
    assert "Operator Ann" in browser.html("/customers")


def test_everybody_begins_with_their_page(house: ConsoleHouse) -> None:
    for role, start in (
        ("admin", "sessions"), ("viewer", "sessions"), ("operator", "human-agents"),
    ):  # fmt: skip
        answer = house.browser(role).get("")
        assert answer.headers["Location"] == f"/console/{start}"
        assert house.browser(role).get("/login").headers["Location"] == f"/console/{start}"


ELSEWHERE = (
    "https://evil.test/",
    "//evil.test/console",
    "/\\evil.test",
    "/console/../webhooks",
    "/console//evil.test",
    "/consoles",
    "/console@evil.test",
    "console/sessions",
    "javascript:alert(1)",
    "/console/sessions\r\nSet-Cookie: a=b",
    "/console/logout",
    "/console/login?next=/console/login",
    " /console/sessions",
    "/console\t//evil.test",
)


def test_nobody_is_sent_to_another_site(house: ConsoleHouse) -> None:
    for elsewhere in ELSEWHERE:
        browser = house.stranger()
        answer = browser.sign_in(WHO, next=elsewhere)
        assert answer.headers["Location"] == "/console/human-agents", elsewhere
        page = browser.ask("GET", "/console/login", query_string={"next": elsewhere})
        assert page.headers["Location"] == "/console/human-agents", elsewhere


def test_the_cookie_is_for_this_site_alone(house: ConsoleHouse) -> None:
    answer = house.stranger().sign_in(WHO)
    cookie = next(one for one in answer.headers.getlist("Set-Cookie") if "__Host-gateway=" in one)
    words = {word.strip() for word in cookie.split(";")[1:]}
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={LONGEST_S}"} <= words
    assert "Domain" not in cookie
    secret = cookie.split("=")[1].split(";")[0]
    with house.database.read() as db:
        assert secret not in db.scalars(select(Signin.digest)).all()


def test_on_plain_http_it_works_for_a_trial(migrated_sqlite_url: str) -> None:
    house = ConsoleHouse(migrated_sqlite_url, public_url="http://127.0.0.1:8080")
    answer = house.stranger().sign_in(WHO)
    cookie = next(one for one in answer.headers.getlist("Set-Cookie") if one.startswith("gateway="))
    assert "Secure" not in cookie
    assert "HttpOnly" in cookie
    assert "Strict-Transport-Security" not in answer.headers
    house.parts.database.dispose()


# -- who does not come in ----------------------------------------------------------------------


def test_a_wrong_password_and_an_unknown_address_are_told_the_same(house: ConsoleHouse) -> None:
    browser = house.stranger()
    pages = []
    for email, password in ((WHO, "wrong password"), ("nobody@acme.test", PASSWORD), ("x", "y")):
        answer = browser.sign_in(email, password)
        assert answer.status_code == 401
        assert WRONG in answer.text
        assert browser.cookie() == ""
        pages.append(re.sub(r'value="[^"]*"|content="[^"]*"', "", answer.text))
    assert pages[0] == pages[1] == pages[2]
    assert signed_in(house) == 0


def test_looking_a_password_up_costs_the_same_for_nobody(house: ConsoleHouse) -> None:
    """Not by a clock: the same function has the same work to do."""
    from gateway.people import passwords

    kept = passwords.hashed(PASSWORD)
    told = kept.split("$")[1:4]
    assert passwords._NOBODYS.split("$")[1:4] == told  # method, version, costs
    assert not passwords.holds(None, PASSWORD)
    assert not passwords.holds(None, "")


def test_whoever_has_no_password_does_not_come_in(house: ConsoleHouse) -> None:
    house.add_operator("operator", key="new")
    for password in ("", "None", PASSWORD):
        assert house.stranger().sign_in("new@acme.test", password).status_code == 401


def test_a_form_of_another_site_signs_nobody_in(house: ConsoleHouse) -> None:
    browser = house.stranger()
    form = {"email": WHO, "password": PASSWORD}
    assert browser.ask("POST", "/console/login", data=form).status_code == 403
    browser.get("/login")
    word = browser.cookie("__Host-gateway-form")
    for said in ("", word, "0" * 64, "é"):
        answer = browser.ask("POST", "/console/login", data={**form, "form": said})
        assert answer.status_code == 403
    assert signed_in(house) == 0
    assert browser.sign_in(WHO).status_code == 303


def test_a_large_form_is_not_read(house: ConsoleHouse) -> None:
    answer = house.stranger().ask("POST", "/console/login", data={"email": "x" * 100_000})
    assert answer.status_code in (400, 413)


def test_old_hashes_are_made_anew(house: ConsoleHouse) -> None:
    old = generate_password_hash(PASSWORD, method="scrypt:1024:8:1")
    mine = Operator.email == WHO
    house.database.write(
        lambda db: db.execute(update(Operator).where(mine).values(password_hash=old))
    )
    assert house.stranger().sign_in(WHO, "wrong password").status_code == 401
    assert house.stranger().sign_in(WHO).status_code == 303
    with house.database.read() as db:
        kept = db.scalar(select(Operator.password_hash).where(mine))
    assert kept is not None
    assert kept.startswith("$argon2id$")
    assert house.stranger().sign_in(WHO).status_code == 303


# -- fixation, rotation, ends -------------------------------------------------------------------


def test_a_cookie_from_before_is_worth_nothing(house: ConsoleHouse) -> None:
    planted = "A" * 43
    browser = house.stranger()
    browser.client.set_cookie("__Host-gateway", planted, domain="gateway.acme.test", secure=True)
    assert browser.sign_in(WHO).status_code == 303
    assert browser.cookie() != planted
    thief = house.stranger()
    thief.client.set_cookie("__Host-gateway", planted, domain="gateway.acme.test", secure=True)
    assert thief.get("/sessions").status_code == 303


def test_signing_in_again_ends_what_was(house: ConsoleHouse) -> None:
    browser = house.stranger()
    browser.sign_in(WHO)
    before = browser.cookie()
    browser.client.delete_cookie("__Host-gateway", domain="gateway.acme.test")
    browser.get("/login")
    browser.client.set_cookie("__Host-gateway", before, domain="gateway.acme.test", secure=True)
    # The form is still open in another tab.
    form = browser.cookie("__Host-gateway-form")
    assert form
    from gateway.console.signing import _signed

    data = {"email": "viewer@acme.test", "password": PASSWORD, "form": _signed(form)}
    assert browser.ask("POST", "/console/login", data=data).status_code == 303
    assert browser.cookie() not in ("", before)
    assert signed_in(house) == 1


@pytest.fixture
def two(house: ConsoleHouse) -> ConsoleHouse:
    """An operator has signed in with another browser, too."""
    other = house.stranger()
    other.sign_in(WHO)
    house.browser("operator")
    return house


def test_signing_out_ends_this_one(two: ConsoleHouse) -> None:
    house = two
    browser = house.browser("operator")
    kept = browser.cookie()
    answer = browser.ask("POST", "/console/logout", data={"csrf": browser.csrf})
    assert answer.headers["Location"] == "/console/login"
    assert browser.cookie() == ""
    browser.client.set_cookie("__Host-gateway", kept, domain="gateway.acme.test", secure=True)
    assert browser.get("/sessions").status_code == 303
    assert browser.api("GET", "/me").status_code == 401
    assert signed_in(house) == 1


def test_signing_out_everywhere_ends_all(two: ConsoleHouse) -> None:
    house = two
    viewer = house.browser("viewer")
    browser = house.browser("operator")
    browser.ask("POST", "/console/logout-everywhere", data={"csrf": browser.csrf})
    assert signed_in(house) == 1
    assert viewer.get("/sessions").status_code == 200


def test_another_site_signs_nobody_out(house: ConsoleHouse) -> None:
    browser = house.browser("operator")
    for data in ({}, {"csrf": ""}, {"csrf": house.browser("viewer").csrf}):
        for path in ("/console/logout", "/console/logout-everywhere"):
            assert browser.ask("POST", path, data=data).status_code == 403
    assert browser.get("/sessions").status_code == 200


def test_a_sign_in_ends_by_itself(house: ConsoleHouse) -> None:
    browser = house.browser("operator")
    for _ in range(3):
        house.clock.advance(IDLE_S - 60)
        assert browser.get("/sessions").status_code == 200
    house.clock.advance(IDLE_S + 1)
    assert browser.get("/sessions").status_code == 303


def test_a_sign_in_ends_however_much_it_is_used(house: ConsoleHouse) -> None:
    browser = house.browser("operator")
    for _ in range(LONGEST_S // (IDLE_S // 2)):
        assert browser.get("/sessions").status_code == 200
        house.clock.advance(IDLE_S / 2)
    assert browser.get("/sessions").status_code == 303


def test_who_is_deactivated_is_out_with_the_next_call(house: ConsoleHouse) -> None:
    browser = house.browser("operator")
    path = f"/operators/{house.ids['operator']}"
    assert house.browser("admin").api("PATCH", path, {"active": False}).status_code == 200
    assert browser.get("/sessions").status_code == 303
    assert browser.api("GET", "/me").status_code == 401
    assert house.stranger().sign_in(WHO).status_code == 401
    assert house.browser("admin").api("PATCH", path, {"active": True}).status_code == 200
    assert browser.get("/sessions").status_code == 303


def test_a_role_holds_from_the_next_call_on(house: ConsoleHouse) -> None:
    browser = house.browser("operator")
    assert browser.get("/human-agents").status_code == 200
    path = f"/operators/{house.ids['operator']}"
    house.browser("admin").api("PATCH", path, {"role": "viewer"})
    assert browser.get("/human-agents").status_code == 403
    assert "Human Agents" not in browser.html("/sessions")


def test_a_new_password_signs_out_everywhere_else(two: ConsoleHouse) -> None:
    house = two
    browser = house.browser("operator")
    body = {"current_password": PASSWORD, "password": "another sentence"}
    assert browser.api("PUT", "/me/password", body).status_code == 200
    assert signed_in(house) == 1
    assert browser.get("/account").status_code == 200
    house.browser("admin").api(
        "PUT", f"/operators/{house.ids['operator']}/password", {"password": "a third one"}
    )
    assert browser.get("/account").status_code == 303


# -- guessing ------------------------------------------------------------------------------------


def test_guessing_ends_after_a_few(house: ConsoleHouse) -> None:
    for _ in range(MOST_OF_BOTH):
        assert house.stranger().sign_in(WHO, "a wrong guess").status_code == 401
    answer = house.stranger().sign_in(WHO)
    assert answer.status_code == 429
    assert "Too many wrong passwords" in answer.text
    assert 0 < int(answer.headers["Retry-After"]) <= WINDOW_S
    # ... from here: whose account it is comes in from elsewhere.
    assert house.stranger("198.51.100.7").sign_in(WHO).status_code == 303
    house.clock.advance(WINDOW_S + 1)
    assert house.stranger().sign_in(WHO).status_code == 303


def test_upper_case_is_no_other_account(house: ConsoleHouse) -> None:
    for number in range(MOST_OF_BOTH):
        email = WHO.upper() if number % 2 else f" {WHO} "
        assert house.stranger().sign_in(email, "a wrong guess").status_code == 401
    assert house.stranger().sign_in(WHO).status_code == 429


def test_the_right_password_forgets_what_was_mistyped(house: ConsoleHouse) -> None:
    for _ in range(3):
        for _ in range(MOST_OF_BOTH - 1):
            assert house.stranger().sign_in(WHO, "mistyped it").status_code == 401
        assert house.stranger().sign_in(WHO).status_code == 303


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of guesses: what each costs is looked at elsewhere."""
    monkeypatch.setattr("gateway.people.passwords.holds", lambda kept, password: False)


@pytest.mark.usefixtures("cheap")
def test_guessing_many_accounts_from_one_network_ends(house: ConsoleHouse) -> None:
    for number in range(MOST_OF_NETWORK):
        # One IPv6 customer has many addresses.
        browser = house.stranger(f"2001:db8::{number:x}")
        assert browser.sign_in(f"guess{number}@acme.test", "guess").status_code == 401
    assert house.stranger("2001:db8::ffff").sign_in("new@acme.test").status_code == 429
    assert house.stranger("2001:db9::1").sign_in("new@acme.test").status_code == 401


@pytest.mark.usefixtures("cheap")
def test_guessing_one_account_from_many_networks_ends(house: ConsoleHouse) -> None:
    signins = house.parts.signins
    from gateway.errors import NotAuthentic, TooMany
    from gateway.people.signins import Caller

    for number in range(MOST_OF_ACCOUNT):
        with pytest.raises(NotAuthentic):
            signins.sign_in(WHO, "guess", Caller(address=f"198.51.100.{number}"))
    with pytest.raises(TooMany):
        signins.sign_in(WHO, "guess", Caller(address="203.0.113.1"))


def test_what_was_tried_is_in_the_audit_and_the_password_is_not(house: ConsoleHouse) -> None:
    house.stranger().sign_in(WHO, "my other password")
    house.stranger().sign_in(WHO)
    entries = house.get("/audit?action=sign_in", "admin").json["items"]
    assert [entry["outcome"] for entry in entries] == ["done", "refused"]
    assert entries[1]["actor"]["address"] == "192.0.2.1"
    assert "other" not in str(entries)
