"""Bodies and shapes: what differs between REST and webhooks, and between versions."""

from __future__ import annotations

from typing import Any

import pytest

from intercom_standin import StandIn
from intercom_standin.bodies import html_of_api_body, html_of_typed_text, text_of_html
from intercom_standin.cast import AOIFE_ID, SUPPORT_TEAM_ID
from intercom_standin.records import Outcome


def item(outcome: Outcome, topic: str) -> dict[str, Any]:
    return next(one.item for one in outcome.notifications if one.topic == topic)


def test_version_2_14_has_html_iso_and_null(standin: StandIn) -> None:
    outcome = standin.world.customer_starts("a < b\nline two\n\nnext")
    sent = item(outcome, "conversation.user.created")
    assert sent["source"]["body"] == (
        '<p class="no-margin">a &lt; b<br>line two</p><p class="no-margin">next</p>'
    )
    assert sent["admin_assignee_id"] is None
    assert sent["team_assignee_id"] is None
    assert sent["statistics"]["first_contact_reply_at"] == "2026-09-21T14:13:20.000Z"
    assert sent["priority"] == "not_priority"


@pytest.mark.parametrize(("version", "unassigned"), [("2.15", None), ("2.16", 0), ("2.17", 0)])
def test_from_2_15_bodies_are_text_and_times_are_numbers(
    standin: StandIn, version: str, unassigned: int | None
) -> None:
    standin.world.version = version
    outcome = standin.world.customer_starts("a < b", subject="Order & more", source_type="email")
    sent = item(outcome, "conversation.user.created")
    assert sent["source"]["body"] == "a < b"
    assert sent["source"]["subject"] == "Order & more"
    assert sent["admin_assignee_id"] == unassigned
    assert sent["statistics"]["first_contact_reply_at"] == 1_790_000_000


def test_rest_bodies_stay_html_and_its_statistics_are_numbers(standin: StandIn, api: Any) -> None:
    conversation_id = standin.world.customer_starts("a < b").conversation_id
    for version in ("2.14", "2.16"):
        got = api("GET", f"/conversations/{conversation_id}", Intercom_Version=version).json()
        assert got["source"]["body"] == '<p class="no-margin">a &lt; b</p>'
        assert got["statistics"]["first_contact_reply_at"] == 1_790_000_000
        assert got["admin_assignee_id"] == 0
    standin.world.rest_unassigned = None
    plain = api("GET", f"/conversations/{conversation_id}?display_as=plaintext").json()
    assert plain["admin_assignee_id"] is None
    assert plain["source"]["body"] == "a < b"


def test_a_webhook_carries_only_the_part_that_caused_it(standin: StandIn, api: Any) -> None:
    created = standin.world.customer_starts("Hello")
    assert item(created, "conversation.user.created")["conversation_parts"] == {
        "type": "conversation_part.list",
        "conversation_parts": [],
        "total_count": 0,
    }
    for word in ("one", "two", "three", "four", "five"):
        last = standin.world.customer_replies(created.conversation_id, word)
    parts = item(last, "conversation.user.replied")["conversation_parts"]
    assert parts["total_count"] == 1
    assert parts["conversation_parts"][0]["id"] == last.part_id
    read = standin.world.customer_reads(created.conversation_id)
    assert item(read, "conversation.read")["conversation_parts"]["total_count"] == 4
    got = api("GET", f"/conversations/{created.conversation_id}").json()
    assert got["conversation_parts"]["total_count"] == 5


def test_rest_gives_the_newest_500_parts(standin: StandIn, api: Any) -> None:
    created = standin.world.customer_starts("Hello")
    for number in range(503):
        standin.world.customer_replies(created.conversation_id, str(number))
    parts = api("GET", f"/conversations/{created.conversation_id}").json()["conversation_parts"]
    bodies = [one["body"] for one in parts["conversation_parts"]]
    assert len(bodies) == 500
    assert bodies[0] == '<p class="no-margin">3</p>'
    assert parts["total_count"] == 503


def test_ids_are_numbers_here_and_strings_there(standin: StandIn) -> None:
    started = standin.world.customer_starts("Hello").conversation_id
    sent = item(standin.world.assign(started, AOIFE_ID), "conversation.admin.assigned")
    part = sent["conversation_parts"]["conversation_parts"][0]
    assert sent["admin_assignee_id"] == AOIFE_ID
    assert part["assigned_to"] == {"type": "admin", "id": str(AOIFE_ID)}
    assert part["author"]["id"] == str(AOIFE_ID)
    away = standin.world.set_away(AOIFE_ID, away=True)
    assert item(away, "admin.away_mode_updated")["id"] == AOIFE_ID


def test_assigned_to_tells_no_change_from_nobody(standin: StandIn) -> None:
    started = standin.world.customer_starts("Hello").conversation_id
    said = item(standin.world.customer_replies(started, "one"), "conversation.user.replied")
    assert said["conversation_parts"]["conversation_parts"][0]["assigned_to"] is None
    nobody = item(standin.world.assign(started, "nobody"), "conversation.admin.assigned")
    assert nobody["conversation_parts"]["conversation_parts"][0]["assigned_to"] == {
        "type": "nobody_admin",
        "id": None,
    }
    team = item(
        standin.world.assign(started, f"team:{SUPPORT_TEAM_ID}"), "conversation.admin.assigned"
    )
    assert team["team_assignee_id"] == SUPPORT_TEAM_ID


def test_contacts_have_iso_times_in_webhooks_and_numbers_in_rest(
    standin: StandIn, api: Any
) -> None:
    outcome = standin.world.add_contact("Nora")
    assert outcome.contact is not None
    assert item(outcome, "contact.lead.created")["created_at"].startswith("2026-09-21T")
    got = api("GET", f"/contacts/{outcome.contact.id}").json()
    assert got["created_at"] == 1_790_000_000
    gone = standin.world.delete_contact(outcome.contact.id).notifications[0].item
    assert gone == {
        "type": "contact",
        "id": outcome.contact.id,
        "external_id": None,
        "deleted": True,
    }


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("plain", '<p class="no-margin">plain</p>'),
        ("a\nb", '<p class="no-margin">a<br>b</p>'),
        ("a\n\nb", '<p class="no-margin">a</p><p class="no-margin">b</p>'),
        ("2 < 3 & 4", '<p class="no-margin">2 &lt; 3 &amp; 4</p>'),
        ("<div>hi</div>", '<p class="no-margin">hi</p>'),
        ("<p>hi <script>alert(1)</script>you</p>", '<p class="no-margin">hi you</p>'),
        ("<p onclick=x>hi</p>", '<p class="no-margin">hi</p>'),
        ("<b>bold</b> text", '<p class="no-margin"><b>bold</b> text</p>'),
        ('<a href="javascript:x">y</a>', '<p class="no-margin"><a>y</a></p>'),
        ("<ul><li>one</li></ul>", "<ul><li>one</li></ul>"),
        ("before<p>in</p>after", None),
        ("<p>never closed", '<p class="no-margin">never closed</p>'),
        ("<script>alert(1)</script>", ""),
    ],
)
def test_api_bodies_are_sanitised(given: str, kept: str | None) -> None:
    expected = (
        kept
        if kept is not None
        else "".join(f'<p class="no-margin">{word}</p>' for word in ("before", "in", "after"))
    )
    assert html_of_api_body(given) == expected


@pytest.mark.parametrize("text", ["a", "a < b & c", "one\ntwo", "one\n\ntwo", "<b>not bold</b>"])
def test_typed_text_comes_back_as_text(text: str) -> None:
    assert text_of_html(html_of_typed_text(text)).replace("\n\n", "\n") == text.replace(
        "\n\n", "\n"
    )


def test_pictures_and_lists_become_text() -> None:
    html = '<p>See</p><img src="https://x.example/a.png"><ul><li>one</li><li>two</li></ul>'
    assert text_of_html(html) == "See\n[Image]\n- one\n- two"


def test_attaching_a_contact_is_told_in_an_internal_dump(standin: StandIn, api: Any) -> None:
    started = standin.world.customer_starts("Hello").conversation_id
    other = standin.world.add_contact("Tomas").contact
    assert other is not None
    sent = item(standin.world.attach_contact(started, other.id), "conversation.contact.attached")
    assert "type" not in sent
    assert sent["conversation"]["model"]["id"] == int(started)
    assert isinstance(sent["conversation"]["parts"][0]["data"], str)
    assert sent["contact"]["id"] == other.id
    listed = api("GET", f"/conversations/{started}").json()["contacts"]["contacts"]
    assert [one["id"] for one in listed][1] == other.id
    standin.world.detach_contact(started, other.id)
    assert standin.world.conversation(started).also == []
