"""360 View and Deliveries in a browser: no word is lost, joins are undone, many are replayed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from gateway import contacts
from gateway.contacts import pushing, sending
from gateway.events import ContactMarks, ContactSeen
from gateway.store import Transaction
from gateway.store.models import ContactPush
from tests.api.test_deliveries import post, unreadable
from tests.console.axe import violations
from tests.console.house import ConsoleHouse
from tests.console.test_customers import customer
from tests.console.window import NARROW, Windows

pytestmark = pytest.mark.browser


def test_a_customer_is_edited_verified_joined_and_parted(windows: Windows) -> None:
    house = windows.house
    ann = customer(house, "a1", name="Ann", email="ann@acme.test")
    customer(house, "b2", name="Annie", email="ann@acme.test")
    page = windows.open("operator", "/console/customers?q=ann")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="Channels").uncheck()
    expect(page.get_by_role("columnheader")).to_have_text(
        ["Name", "E-mail", "Phone", "Level", "First seen"]
    )
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Ann", exact=True).click()

    # Two change the same detail, and each another one.
    page.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name="Edit contact details")
    expect(dialog.get_by_label("E-mail")).to_have_value("ann@acme.test")
    dialog.get_by_label("Name", exact=True).fill("Ann Lee")
    dialog.get_by_label("Another field").fill("order_no")
    dialog.get_by_label("Its value").fill("A-17")
    tag = house.get(f"/contacts/{ann}").headers["ETag"]
    theirs = {"name": "Anna", "phone": "+44 20 7946 0000"}
    house.call("PATCH", f"/contacts/{ann}", "admin", json=theirs, headers={"If-Match": tag})
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Somebody changed this contact meanwhile")
    expect(dialog.get_by_text("Admin Ann wrote Anna. Yours is in the field.")).to_be_visible()
    expect(dialog.get_by_label("Name", exact=True)).to_have_value("Ann Lee")
    expect(dialog.get_by_label("Phone")).to_have_value("+44 20 7946 0000")
    windows.picture(page, "customers-conflict")
    windows.expect_trouble("412")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    details = page.get_by_role("region", name="Contact details")
    for text in ("Ann Lee", "+44 20 7946 0000", "A-17"):
        expect(details.get_by_text(text, exact=True)).to_be_visible()
    expect(page.get_by_text("Contact saved")).to_be_visible()

    # What nobody else touched is put together without a question.
    page.get_by_role("button", name="Edit").click()
    dialog.get_by_label("order_no").fill("")
    tag = house.get(f"/contacts/{ann}").headers["ETag"]
    house.call(
        "PATCH", f"/contacts/{ann}", "admin", json={"external_id": "u-1"}, headers={"If-Match": tag}
    )
    dialog.get_by_role("button", name="Save").click()
    expect(details.get_by_text("A-17", exact=True)).to_be_hidden()
    expect(details.get_by_text("u-1", exact=True)).to_be_visible()
    windows.expect_trouble("412")

    page.get_by_role("button", name="Mark as verified: E-mail").click()
    expect(details.get_by_text("Verified", exact=True)).to_be_visible()

    page.get_by_role("region", name="Maybe the same person").get_by_text("Compare").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("One person?")
    assert violations(page) == []
    page.get_by_role("button", name="Join the two").click()
    expect(page.get_by_role("region", name="Identities").get_by_text("b2")).to_be_visible()
    page.get_by_role("button", name="Undo the join").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_role("region", name="Identities").get_by_text("b2")).to_be_hidden()
    expect(page.get_by_text("Join undone")).to_be_visible()


def test_many_are_replayed_with_progress(windows: Windows) -> None:
    house = windows.house
    for number in range(4):
        post(house, unreadable(f"n{number}"))
    page = windows.open("admin", "/console/deliveries")
    page.get_by_role("checkbox", name="Choose conversation.user.replied 1").check()
    page.get_by_role("button", name="Replay chosen").click()
    expect(page.get_by_text("0 went well, 1 failed again")).to_be_visible()
    page.get_by_role("button", name="Replay all that failed").click()
    expect(page.get_by_text("0 went well, 4 failed again")).to_be_visible()
    attempts = page.get_by_role("row").locator("td:nth-child(7)")
    expect(attempts).to_have_text(["3", "2", "2", "2"])


def test_axe_finds_nothing(windows: Windows) -> None:
    house = windows.house
    ann = customer(house, "a1", name="Ann", email="ann@acme.test", phone="+44 20 7946 0000")
    customer(house, "b2", name="محمد بن عبد الله", email="ann@acme.test")
    house.post(f"/contacts/{ann}/verify", {"detail": "email"})
    post(house, unreadable("n1"))
    page = windows.open("admin", "/console/customers")
    for path in (
        "/console/customers", f"/console/customers/{ann}", f"/console/customers/{ann}/history",
        "/console/deliveries?state=", "/console/deliveries?show=pushes&state=",
        "/console/deliveries?show=events", "/console/channels",
    ):  # fmt: skip
        page.emulate_media(color_scheme="light")
        page.goto(path)
        assert violations(page) == [], path
        page.emulate_media(color_scheme="dark")
        assert violations(page, contrast_alone=True) == [], path
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    for path in ("/console/customers", f"/console/customers/{ann}", "/console/channels"):
        page.goto(path)
        wide = "document.documentElement.scrollWidth <= innerWidth"
        assert page.evaluate(wide), path


def test_what_becomes_of_an_edit_is_seen_as_it_happens(windows: Windows) -> None:
    house = windows.house
    ann = customer(house, "a1", name="Ann", email="ann@acme.test")
    marks = ContactMarks(
        tags={"9": "wholesale"}, lists={"37": ("Newsletters", False)}, no_mail=True, archived=True
    )
    hears(house, ContactSeen(id="a1", marks=marks, as_of=house.now))
    page = windows.open("operator", f"/console/customers/{ann}")
    there = page.get_by_role("region", name="Identities")
    for words in ("wholesale", "Newsletters", "Gets no mail", "Archived there"):
        expect(there.get_by_text(words)).to_be_visible()
    details = page.get_by_role("region", name="Contact details")

    def step(work: Callable[[Transaction, int], object]) -> None:
        house.clock.advance(1)

        def newest(db: Transaction) -> None:
            work(db, pushes(db)[-1])

        house.database.write(newest)

    page.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name="Edit contact details")
    dialog.get_by_label("Name", exact=True).fill("Ann Lee")
    dialog.get_by_role("button", name="Save").click()
    expect(details.get_by_text("Being sent to acme-intercom")).to_be_visible()
    step(lambda db, id: pushing.begin(db, id, "mine", house.now))
    hears(house, ContactSeen(id="a1", name="Ann Lee", as_of=house.now))  # its echo
    expect(details.get_by_text("Sent to acme-intercom")).to_be_visible()
    windows.picture(page, "customers-sent")

    house.clock.advance(1)
    tag = house.get(f"/contacts/{ann}").headers["ETag"]
    house.call(
        "PATCH", f"/contacts/{ann}", "admin", json={"phone": "+44 20 7946 0000"},
        headers={"If-Match": tag},
    )  # fmt: skip
    step(lambda db, id: sending.fail(db, id, "another contact has it", house.now))
    refused = details.get_by_text("Not taken by acme-intercom: another contact has it")
    expect(refused).to_be_visible()
    windows.picture(page, "customers-not-taken")
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, contrast_alone=True) == []
    windows.picture(page, "customers-not-taken-dark")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    windows.picture(page, "customers-not-taken-narrow", full_page=True)
    page.get_by_role("button", name="Send again: Phone to acme-intercom").click()
    expect(details.get_by_text("Being sent to acme-intercom")).to_be_visible()
    step(lambda db, id: sending.later(db, id, "Intercom answered 503", house.now))
    expect(details.get_by_text("not yet: Intercom answered 503")).to_be_visible()

    # Joined into somebody else by another hand, the page goes there by itself.
    elder = customer(house, "b2", name="Annie")
    house.post(f"/contacts/{elder}/merge", {"contact_id": ann})
    page.wait_for_url(f"**/console/customers/{elder}")


def hears(house: ConsoleHouse, seen: ContactSeen) -> None:
    house.database.write(lambda db: contacts.see(db, house.installation(db), [seen], house.now))


def pushes(db: Transaction) -> list[int]:
    return list(db.scalars(select(ContactPush.id).order_by(ContactPush.id)))
