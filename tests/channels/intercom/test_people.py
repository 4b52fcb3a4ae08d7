"""Customers and staff, in every shape in which Intercom tells of them."""

import copy
from typing import Any

import pytest

from gateway import events
from tests.channels.intercom.recorded import CUSTOMER, WANDA, content_of, only, told, told_by


def test_contacts_in_every_shape() -> None:
    known = only(told("2.14/contact.user.updated"), events.ContactSeen)
    assert known == events.ContactSeen(
        id=CUSTOMER,
        name="Tomasz M. Vale",
        email="tomasz.vale@customer.example",
        phone="+353 1 555 0147",
        external_id="shop-4471",
        as_of=1_793_880_600_000_000,
        marks=events.ContactMarks(tags={}, no_mail=False),
    )
    lead = only(told("2.14/contact.lead.created"), events.ContactSeen)
    assert (lead.name, lead.email, lead.phone) == (None, None, None)
    assert lead.as_of % 1_000_000 == 731_000
    visitor = only(told("2.14/visitor.signed_up"), events.ContactSeen)
    assert visitor.external_id == "shop-4471"
    assert only(told("2.14/contact.deleted"), events.ContactSeen).deleted
    assert not only(told("2.14/contact.archived"), events.ContactSeen).deleted
    assert only(told("2.14/contact.merged"), events.ContactSeen).merged == ()
    merged = only(told("preview/contact.merged"), events.ContactSeen)
    assert merged.merged == ("66f0c0ffee00000000000b02",)
    for topic in ("contact.subscribed", "contact.user.tag.created"):
        assert only(told(f"2.14/{topic}"), events.ContactSeen).id == CUSTOMER
    attached = only(told("2.14/conversation.contact.attached"), events.ContactSeen)
    assert attached.name == "Ida Brandt"


@pytest.mark.parametrize("given", ["c1", 17, {"id": "c1"}, ["c1", {"id": "c2"}], [CUSTOMER], []])
def test_merged_from_in_every_form(given: Any) -> None:
    content = copy.deepcopy(content_of("2.14/contact.merged"))
    content["data"]["item"]["merged_from"] = given
    merged = only(told_by(content), events.ContactSeen).merged
    assert CUSTOMER not in merged
    assert bool(merged) is (given not in ([CUSTOMER], []))


def test_staff_come_and_go() -> None:
    away = only(told("2.14/admin.away_mode_updated"), events.StaffSeen)
    assert (away.kind, away.id, away.away, away.removed) == ("operator", WANDA, True, False)
    assert only(told("2.14/admin.removed_from_workspace"), events.StaffSeen).removed
    assert only(told("2.14-bot-seat/admin.away_mode_updated"), events.StaffSeen).kind == "ai"
    author = only(told("2.14/conversation.admin.assigned"), events.StaffSeen)
    assert (author.name, author.away) == ("Wanda Thistle", None)
