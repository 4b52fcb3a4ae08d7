"""Who is who: claims open nothing, proofs open what is one's own; no talk changes hands."""

from functools import partial
from typing import Any, cast

from sqlalchemy import select

from gateway.store.models import Contact, ContactIdentity, InboxDelivery, Visitor
from gateway.visitors import rows as rows_of
from tests.channels.webwidget.site import ACME, OTHER, Browser, Site, at_once


def rows(site: Site, *columns: Any) -> list[Any]:
    with site.parts.database.read() as db:
        return list(db.execute(select(*columns)).all())


def owner(site: Site, visitor_id: str) -> str | None:
    found = {row.id: row.user_key for row in rows(site, Visitor.id, Visitor.user_key)}
    return found.get(visitor_id)


def contact(site: Site, visitor_id: str) -> Any:
    """The contact that stands for a visitor."""
    with site.parts.database.read() as db:
        own = db.scalars(
            select(ContactIdentity.contact_id).where(ContactIdentity.external_id == visitor_id)
        ).one()
        standing = db.scalars(select(Contact.standing_id()).where(Contact.id == own)).one()
        return db.execute(select(*Contact.__table__.columns).where(Contact.id == standing)).one()


def refused(browser: Browser, token: str | None) -> bool:
    answer = browser.call("POST", "/messages", {"client_id": "x", "text": "y"}, token=token)
    return answer.status_code == 401


# -- anonymous and claimed -------------------------------------------------------------------------


def test_whoever_only_looks_leaves_nothing_behind(site: Site) -> None:
    for _ in range(3):
        site.browser().open()
    for table in (Visitor.id, ContactIdentity.external_id, InboxDelivery.id):
        assert rows(site, table) == []


def test_each_browser_is_somebody_else(site: Site) -> None:
    one, other = site.browser().open(), site.browser().open()
    assert one["visitor"]["id"] != other["visitor"]["id"]
    assert one["visitor"] == {
        "id": one["visitor"]["id"], "level": "anonymous", "name": None, "email": None,
    }  # fmt: skip


def test_an_anonymous_visitor_has_an_identity_and_no_profile(site: Site) -> None:
    browser = site.browser()
    visitor = browser.open()["visitor"]["id"]
    browser.say("hello")
    assert contact(site, visitor).level == "anonymous"


def test_a_claim_is_kept_as_one_and_said_once(site: Site) -> None:
    browser = site.browser()
    claims = {"name": "Ann", "email": "Ann@acme.example"}
    visitor = browser.open(claims=claims)["visitor"]
    assert (visitor["level"], visitor["name"]) == ("claimed", "Ann")
    assert visitor["email"] == "ann@acme.example"
    found = contact(site, visitor["id"])
    assert (found.level, found.verified) == ("claimed", False)
    browser.open(claims=claims)
    browser.open(claims={"email": "ann@acme.example"})
    assert len(rows(site, InboxDelivery.id)) == 1
    browser.say("hello")
    assert contact(site, visitor["id"]).id == found.id


def test_claiming_to_be_somebody_opens_nothing_of_theirs(site: Site) -> None:
    ann = site.browser()
    proof = site.jwt("ann", email="ann@acme.example", name="Ann")
    ann.open(jwt=proof)
    ann.say("my secret")
    thief = site.browser()
    opened = thief.open(claims={"name": "Ann", "email": "ann@acme.example"})
    assert opened["visitor"]["level"] == "claimed"
    assert owner(site, opened["visitor"]["id"]) is None
    one, other = contact(site, opened["visitor"]["id"]), contact(site, ann.open()["visitor"]["id"])
    assert one.id != other.id


def test_a_claim_does_not_overrule_a_proof(site: Site) -> None:
    browser = site.browser()
    browser.open(jwt=site.jwt("ann", email="ann@acme.example"))
    opened = browser.open(claims={"email": "eve@evil.example", "name": "Eve"})
    assert opened["visitor"]["level"] == "verified"
    assert opened["visitor"]["email"] == "ann@acme.example"
    assert contact(site, opened["visitor"]["id"]).email == "ann@acme.example"


# -- proven ----------------------------------------------------------------------------------------


def test_a_proof_makes_verified_what_it_says(any_site: Site) -> None:
    proof = any_site.jwt("ann", email="ann@acme.example", name="Ann", phone="+353 1 555 0100")
    opened = any_site.browser().open(jwt=proof)
    assert opened["visitor"]["level"] == "verified"
    assert (opened["visitor"]["name"], opened["visitor"]["email"]) == ("Ann", "ann@acme.example")
    found = contact(any_site, opened["visitor"]["id"])
    assert (found.level, found.verified, found.external_id) == ("verified", True, "ann")
    assert (found.phone, found.external_id_verified) == ("+353 1 555 0100", True)


def test_what_the_anonymous_visitor_said_goes_along(site: Site) -> None:
    browser = site.browser()
    before = browser.open()["visitor"]["id"]
    browser.say("hello")
    after = browser.open(jwt=site.jwt("ann"))
    assert after["visitor"]["id"] == before
    assert owner(site, before) == "ann"
    assert browser.say("and more")["again"] is False


def test_a_token_from_before_the_proof_does_not_become_the_user(any_site: Site) -> None:
    """Somebody who left their token in this browser does not see what the user says later."""
    planted = any_site.browser()
    planted.open()
    planted.say("hello")
    victim = any_site.browser()
    victim.token = planted.token
    victim.open(jwt=any_site.jwt("ann"))
    assert refused(planted, planted.token)
    assert not refused(victim, victim.token)
    assert planted.open()["visitor"]["level"] == "anonymous"


def test_a_visitor_never_changes_hands(any_site: Site) -> None:
    browser = any_site.browser()
    anns = browser.open(jwt=any_site.jwt("ann"))["visitor"]["id"]
    browser.say("I am Ann")
    bobs = browser.open(jwt=any_site.jwt("bob"))
    assert bobs["visitor"]["id"] != anns
    assert (owner(any_site, anns), owner(any_site, bobs["visitor"]["id"])) == ("ann", "bob")
    again = browser.open(jwt=any_site.jwt("ann"))
    assert again["visitor"]["id"] == anns


def test_of_two_who_are_proven_at_once_one_gets_the_talk(any_site: Site) -> None:
    """Two tabs of one browser, in which two people sign in at the same moment."""
    browser = any_site.browser()
    visitor = browser.open()["visitor"]["id"]
    browser.say("whose is this?")
    tabs = [Browser(any_site, any_site.app.test_client(), ACME, browser.token) for _ in "abcdef"]
    users = [("ann", "bob")[number % 2] for number in range(len(tabs))]
    opened: dict[str, set[str]] = {"ann": set(), "bob": set()}

    def sign_in(tab: Browser, user: str) -> None:
        opened[user].add(tab.open(jwt=any_site.jwt(user))["visitor"]["id"])

    at_once([partial(sign_in, tab, user) for tab, user in zip(tabs, users, strict=True)])
    winner = owner(any_site, visitor)
    assert winner in opened
    assert not opened["ann"] & opened["bob"]
    for user, ids in opened.items():
        assert {owner(any_site, id) for id in ids} == {user}
        assert (visitor in ids) == (user == winner)


def test_who_is_bound_stays_bound(site: Site) -> None:
    def bind(user: str) -> bool:
        return site.parts.database.write(lambda db: rows_of.bind(db, ACME, "vis_a", user, 1))

    assert (bind("ann"), bind("bob"), bind("ann")) == (True, False, True)
    assert owner(site, "vis_a") == "ann"
    found = rows(site, Visitor.generation)
    assert [row.generation for row in found] == [1]


def test_without_the_proof_the_token_is_enough_to_go_on(site: Site) -> None:
    browser = site.browser()
    first = browser.open(jwt=site.jwt("ann", name="Ann"))
    assert browser.open()["visitor"] == first["visitor"]


def test_on_another_device_the_talk_goes_on(site: Site) -> None:
    phone, laptop = site.browser(), site.browser()
    anns = phone.open(jwt=site.jwt("ann"))["visitor"]["id"]
    phone.say("on my phone")
    there = laptop.open(jwt=site.jwt("ann"))
    assert there["visitor"]["id"] == anns
    assert there["visitor_token"] != phone.token or laptop.token == phone.token
    assert not refused(phone, phone.token)


def test_unless_there_is_a_talk_on_that_device(any_site: Site) -> None:
    phone, laptop = any_site.browser(), any_site.browser()
    phone.open(jwt=any_site.jwt("ann"))
    phone.say("on my phone")
    own = laptop.open()["visitor"]["id"]
    laptop.say("on my laptop, not logged in yet")
    any_site.clock.advance(5)
    there = laptop.open(jwt=any_site.jwt("ann"))
    assert there["visitor"]["id"] == own
    assert owner(any_site, own) == "ann"


def test_the_session_that_was_active_last_goes_on(any_site: Site) -> None:
    devices = [any_site.browser() for _ in range(3)]
    ids = []
    for device in devices:
        ids.append(device.open()["visitor"]["id"])
        device.say("hello")
        any_site.clock.advance(60)
        device.open(jwt=any_site.jwt("ann"))
    devices[1].say("once more")
    assert any_site.browser().open(jwt=any_site.jwt("ann"))["visitor"]["id"] == ids[1]


def test_a_user_of_one_site_is_a_stranger_on_another(site: Site) -> None:
    acme, other = site.browser(ACME), site.browser(OTHER)
    anns = acme.open(jwt=site.jwt("ann"))["visitor"]["id"]
    acme.say("hello")
    there = other.open(jwt=site.jwt("ann", OTHER))
    assert there["visitor"]["id"] != anns
    refused_there = other.open(status=401, jwt=site.jwt("ann", ACME))
    assert refused_there["error"]["code"] == "jwt_invalid"


def test_a_proof_that_fails_changes_nothing(site: Site) -> None:
    browser = site.browser()
    visitor = browser.open()["visitor"]["id"]
    browser.say("hello")
    before = (rows(site, Visitor.id), rows(site, InboxDelivery.id))
    wrong = ({"exp": 1}, "expired"), ({"exp": ...}, "invalid"), ({"sub": ""}, "invalid")
    for claims, code in wrong:
        proof = site.jwt(**cast(dict[str, Any], claims))
        told = {"claims": {"name": "Eve"}, "parameters": {"a": 1}}
        answer = browser.open(status=401, jwt=proof, **told)
        assert answer["error"]["code"] == f"jwt_{code}"
    assert (rows(site, Visitor.id), rows(site, InboxDelivery.id)) == before
    assert browser.open()["visitor"]["id"] == visitor


def test_no_such_widget(site: Site) -> None:
    assert site.browser().open(status=404, key="nobody's")["error"]["code"] == "no_such_widget"
