"""Signing in at a provider: who comes in, as whom, and who does not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.people import identities
from gateway.people.guesses import MOST_OF_NETWORK, WINDOW_S
from gateway.store.models import Operator, OperatorIdentity, Signin
from tests.console.house import Browser, words
from tests.console.test_signing import ELSEWHERE
from tests.oidc.house import ATTEMPT, VouchedHouse, trouble
from tests.services.identity_provider import CLIENT_SECRET, IdentityProvider, person

Make = Callable[..., VouchedHouse]


def linked(house: VouchedHouse) -> list[tuple[str, str]]:
    with house.database.read() as db:
        query = select(OperatorIdentity.subject, Operator.email).join(
            Operator, Operator.id == OperatorIdentity.operator_id
        )
        return [(row[0], row[1]) for row in db.execute(query.order_by(OperatorIdentity.subject))]


def signed_in(house: VouchedHouse) -> int:
    with house.database.read() as db:
        return len(db.scalars(select(Signin.id)).all())


def test_an_operator_comes_in_where_they_were_going(make: Make) -> None:
    house = make()
    browser = house.stranger()
    browser.client.set_cookie("__Host-gateway", "A" * 43, domain="gateway.acme.test", secure=True)
    answer = house.sign_in("ann", browser, next="/console/customers?q=ann")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/console/customers?q=ann"
    assert browser.cookie() not in ("", "A" * 43)
    assert browser.cookie(ATTEMPT) == ""
    assert "Operator Ann" in browser.html("/account")
    assert linked(house) == [("sub-ann", "operator@acme.test")]
    entries = house.get("/audit?limit=10", "admin").json["items"]
    told = [(one["action"], one["actor"]["name"]) for one in entries]
    assert told[:2] == [("sign_in", "Operator Ann"), ("link_identity", "Operator Ann")]
    assert entries[0]["after"] == {"through": house.provider.url}
    assert entries[0]["actor"]["address"] == "192.0.2.1"


def test_the_page_offers_both_ways(make_one: Make) -> None:
    page = words(make_one().stranger().html("/login?next=/console/customers"))
    assert "Sign in with Acme ID" in page
    assert "or with a password" in page


def test_passwords_may_be_off(make_one: Make) -> None:
    house = make_one(passwords=False)
    browser = house.stranger()
    page = browser.html("/login")
    assert 'type="password"' not in page
    assert browser.sign_in("operator@acme.test").status_code == 403
    assert signed_in(house) == 0
    assert house.sign_in("ann", browser).status_code == 303
    assert browser.get("/sessions").status_code == 200


def test_from_then_on_the_address_plays_no_part(make: Make, provider: IdentityProvider) -> None:
    """Whoever gets a colleague's old address is not that colleague."""
    house = make()
    house.sign_in("ann")
    provider.people["ann"] = person("sub-ann", "ann.new@elsewhere.test")
    browser = house.stranger()
    assert house.sign_in("ann", browser).status_code == 303
    assert "operator@acme.test" in browser.html("/account")
    provider.people["heir"] = person("sub-heir", "operator@acme.test")
    assert trouble(house.sign_in("heir")) == "taken"
    # ... until an administrator says so.
    assert house.database.write(lambda db: identities.unlink(db, house.ids["operator"])) == 1
    assert browser.get("/sessions").status_code == 303
    assert house.sign_in("heir").headers["Location"] == "/console/human-agents"
    assert linked(house) == [("sub-heir", "operator@acme.test")]
    assert trouble(house.sign_in("ann")) == "unknown"


def test_two_tabs_at_once_link_once(make: Make) -> None:
    house = make()
    tabs = [house.stranger(), house.stranger()]
    queries = [house.provider.continued(house.begin(tab), "ann") for tab in tabs]
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda tab=tab, query=query: answers.append(house.back(tab, query)))
        for tab, query in zip(tabs, queries, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.headers["Location"] for one in answers] == ["/console/human-agents"] * 2
    assert linked(house) == [("sub-ann", "operator@acme.test")]


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"email_verified": False}, "email"),
        ({"email_verified": "true"}, "email"),
        ({"email_verified": 1}, "email"),
        ({"email": None}, "email"),
        ({"email": "no address"}, "email"),
        ({"email": "\ud800@acme.test"}, "email"),
        ({"email": "a\x00@acme.test"}, "email"),
        ({"email": ["operator@acme.test"]}, "email"),
        ({"email": "nobody@acme.test"}, "unknown"),
        ({"email": "operator@acme.test.evil.test"}, "unknown"),
    ],
    ids=str,
)
def test_only_a_verified_address_of_ours_opens(
    make_one: Make, provider: IdentityProvider, claims: dict[str, Any], why: str
) -> None:
    house = make_one()
    provider.people["ann"] |= claims
    assert trouble(house.sign_in("ann")) == why
    assert linked(house) == []
    assert signed_in(house) == 0
    entry = house.get("/audit?action=sign_in", "admin").json["items"][0]
    assert entry["outcome"] == "refused"
    assert entry["actor"]["name"] == "somebody"


def test_who_is_deactivated_does_not_come_in(make: Make) -> None:
    house = make()
    browser = house.stranger()
    house.sign_in("ann", browser)
    mine = Operator.id == house.ids["operator"]
    leaves = update(Operator).where(mine).values(deactivated_at=house.now)
    house.database.write(lambda db: db.execute(leaves))
    assert browser.get("/sessions").status_code == 303
    assert trouble(house.sign_in("ann")) == "deactivated"
    house.database.write(lambda db: db.execute(OperatorIdentity.__table__.delete()))
    assert trouble(house.sign_in("ann")) == "deactivated"
    assert linked(house) == []
    entry = house.get("/audit?action=sign_in", "admin").json["items"][0]
    assert (entry["outcome"], entry["actor"]["name"]) == ("refused", "Operator Ann")


def test_domains_hold_at_every_sign_in(make_one: Make, provider: IdentityProvider) -> None:
    house = make_one(allowed_domains=("acme.test",), unknown_people="operator")
    assert house.sign_in("ann").headers["Location"] == "/console/human-agents"
    assert house.sign_in("stranger").headers["Location"] == "/console/human-agents"
    provider.people["ann"]["email"] = "ann@elsewhere.test"
    assert trouble(house.sign_in("ann")) == "domain"
    provider.people["ann"]["email"] = "ann@evil-acme.test"
    assert trouble(house.sign_in("ann")) == "domain"
    provider.people["ann"]["email_verified"] = False
    assert trouble(house.sign_in("ann")) == "email"


def test_unknown_people_get_an_account_where_the_settings_say_so(make: Make) -> None:
    house = make(unknown_people="viewer")
    browser = house.stranger()
    assert house.sign_in("stranger", browser).headers["Location"] == "/console/sessions"
    page = browser.html("/account")
    assert "New Person" in page
    assert "new@acme.test · Viewer" in page
    assert house.sign_in("stranger").headers["Location"] == "/console/sessions"
    assert linked(house) == [("sub-stranger", "new@acme.test")]
    added = house.get("/audit?action=add_operator", "admin").json["items"]
    assert len(added) == 1
    assert added[0]["after"]["through"] == house.provider.url
    house.provider.userinfo = {"sub": "sub-nameless"}
    assert trouble(house.sign_in("nameless")) == "email"


def test_roles_come_from_the_claim_each_time(make: Make, provider: IdentityProvider) -> None:
    roles = {"support": "operator", "leads": "admin", "audit": "viewer"}
    house = make(role_claim="realm.groups", roles=roles, unknown_people="viewer")
    ann, groups = provider.people["ann"], ["audit", "support"]
    ann["realm"] = {"groups": groups}
    assert house.sign_in("ann").headers["Location"] == "/console/human-agents"
    groups.append("leads")
    browser = house.stranger()
    house.sign_in("ann", browser)
    assert browser.get("/operators").status_code == 200
    ann["realm"] = {"groups": "audit"}
    house.sign_in("ann")
    assert browser.get("/operators").status_code == 403  # the open page, too
    for nothing in ({}, {"groups": []}, {"groups": ["Support"]}, {"groups": {"support": 1}}):
        ann["realm"] = nothing
        assert trouble(house.sign_in("ann")) == "role"
    ann["realm"] = {"groups": ["support"]}
    del ann["realm"]
    ann["realm.groups"] = ["support"]  # a claim whose name has a dot
    assert house.sign_in("ann").headers["Location"] == "/console/human-agents"


def test_the_last_administrator_stays_one(make_one: Make, provider: IdentityProvider) -> None:
    house = make_one(role_claim="groups", roles={"audit": "viewer"})
    provider.people["ada"]["groups"] = ["audit"]
    browser = house.stranger()
    house.sign_in("ada", browser)
    assert browser.get("/operators").status_code == 200


def test_what_only_the_userinfo_tells(make_one: Make, provider: IdentityProvider) -> None:
    house = make_one()
    provider.people["ann"] = person("sub-ann", email_verified=True)
    provider.userinfo = {"sub": "sub-ann", "email": "operator@acme.test"}
    assert trouble(house.sign_in("ann")) == "email"  # verified is what stands beside the address
    provider.userinfo["email_verified"] = True
    assert house.sign_in("ann").headers["Location"] == "/console/human-agents"
    provider.userinfo["sub"] = "sub-ada"
    assert trouble(house.sign_in("ann")) == "not_vouched"


# -- nobody is led elsewhere ----------------------------------------------------------------------


def test_nobody_is_led_to_another_site(make_one: Make) -> None:
    house = make_one()
    for elsewhere in ELSEWHERE:
        browser = house.stranger()
        assert house.begin(browser, elsewhere).startswith(house.provider.url)
        query = house.provider.continued(house.begin(browser, elsewhere), "ann")
        assert house.back(browser, query).headers["Location"] == "/console/human-agents", elsewhere
        there = browser.ask("GET", "/console/login/oidc", query_string={"next": elsewhere})
        assert there.headers["Location"] == "/console/human-agents"


def test_the_page_repeats_nothing_from_its_address(make_one: Make) -> None:
    house = make_one()
    page = house.stranger().html("/login?trouble=<b>evil</b>&note=evil&error=evil")
    assert "evil" not in page
    said = words(house.stranger().html("/login?trouble=unknown"))
    assert "Nobody here has your e-mail address. Ask an administrator to add you." in said


def test_signing_out_here_and_there(make_one: Make) -> None:
    house = make_one()
    browser = house.stranger()
    house.sign_in("ann", browser)
    browser.read_csrf()
    answer = browser.ask("POST", "/console/logout", data={"csrf": browser.csrf})
    assert answer.headers["Location"] == "/console/login?trouble=out"
    assert browser.cookie() == ""
    assert "You may still be signed in at Acme ID" in words(browser.html("/login?trouble=out"))
    there = browser.get("/login/oidc/out").headers["Location"]
    assert there.startswith(f"{house.provider.url}/end_session?client_id=")
    assert "post_logout_redirect_uri=https%3A%2F%2Fgateway.acme.test%2Fconsole%2Flogin" in there


# -- guessing -------------------------------------------------------------------------------------


def test_answers_that_do_not_hold_are_not_asked_about_for_ever(make_one: Make) -> None:
    house = make_one()
    house.provider.token_answer = (400, {"error": "invalid_grant"})
    for _ in range(MOST_OF_NETWORK):
        assert trouble(house.sign_in("ann")) == "not_vouched"
    house.provider.token_answer = None
    asked = len(house.provider.asked)
    assert trouble(house.sign_in("ann")) == "busy"
    assert len(house.provider.asked) == asked
    assert house.sign_in("ann", house.stranger("198.51.100.9")).status_code == 303
    house.clock.advance(WINDOW_S + 1)
    assert house.sign_in("ann").headers["Location"] == "/console/human-agents"


def test_a_whole_office_may_come_in(make_one: Make) -> None:
    house = make_one()
    for _ in range(MOST_OF_NETWORK + 5):
        assert house.sign_in("ann").headers["Location"] == "/console/human-agents"


def test_the_clients_secret_is_replaced_while_people_work(make: Make) -> None:
    """The provider takes two, processes restart one after the other, the first one goes."""

    def comes_in(house: VouchedHouse, who: str, browser: Browser | None = None) -> bool:
        answer = house.sign_in(who, browser)
        return answer.status_code == 303 and "trouble" not in answer.headers["Location"]

    old = make()
    here = old.stranger()
    assert comes_in(old, "ann", here)
    old.provider.client_secrets.append("the second one")
    new = make(client_secret="the second one", people=False)
    assert comes_in(old, "ada")
    assert comes_in(new, "ada")  # side by side
    stays = new.stranger()
    stays.client.set_cookie(
        "__Host-gateway", here.cookie(), domain="gateway.acme.test", secure=True
    )
    assert "Operator Ann" in stays.html("/account")
    old.provider.client_secrets.remove(CLIENT_SECRET)
    assert comes_in(new, "ada")
    assert trouble(old.sign_in("ada")) == "away"
    assert "Operator Ann" in stays.html("/account")
