"""What notifications mean: who said what to whom, and who holds the conversation."""

import copy
import json
from typing import Any

import pytest

from gateway import events
from gateway.channels.intercom import IntercomReceiver
from gateway.channels.intercom.translate import TOPICS
from gateway.errors import Unreadable
from gateway.events import Assignee, Position
from tests.channels.intercom.recorded import (
    BOT,
    CONVERSATION,
    CUSTOMER,
    PAYLOADS,
    TEAM,
    WANDA,
    WANDA_SEEN,
    content_of,
    kinds,
    only,
    told,
    told_by,
    with_part,
)

NOON = 1_793_870_400_000_000
LATER = NOON + 300_000_000


def test_every_topic_of_the_table_is_recorded() -> None:
    assert set(TOPICS) <= {path.stem for path in PAYLOADS.glob("*/*.json")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2.14/conversation.user.created", ["AssigneeSeen"]),
        ("2.14/conversation.user.replied", ["MessageReceived", "AssigneeSeen"]),
        ("2.14/conversation.admin.assigned", ["Assigned"]),
        ("2.14/conversation.admin.open.assigned", ["Assigned", "MessageReceived"]),
        ("2.14/conversation.admin.replied", ["MessageReceived", "AssigneeSeen"]),
        ("2.14/conversation.admin.noted", ["NoteAdded", "AssigneeSeen"]),
        ("2.14/conversation.admin.closed", ["MessageReceived", "Closed", "AssigneeSeen"]),
        ("2.14/conversation.admin.opened", ["Reopened", "Assigned"]),
        ("2.14/conversation.admin.snoozed", ["Snoozed", "AssigneeSeen"]),
        ("2.14/conversation.admin.unsnoozed", ["Snoozed", "AssigneeSeen"]),
        ("2.14/conversation.admin.single.created", ["AssigneeSeen"]),
        ("2.14/conversation.operator.replied", ["MessageReceived", "AssigneeSeen"]),
        ("2.14/conversation.priority.updated", ["AssigneeSeen"]),
        ("2.14/conversation.rating.added", ["AssigneeSeen"]),
        ("2.14/conversation.read", ["MessageReceived", "MessageReceived", "AssigneeSeen"]),
        ("2.14/conversation_part.redacted", ["MessageReceived", "MessageRedacted", "AssigneeSeen"]),
        ("2.14/conversation.deleted", ["ConversationDeleted"]),
        ("2.14/conversation.contact.attached", []),
        ("2.14/ticket.team.assigned", ["Unrecognised"]),
        ("2.14/admin.activity_log_event.created", ["Unrecognised"]),
        ("2.14/ping", []),
        ("2.14-reopened/conversation.user.replied", ["MessageReceived", "AssigneeSeen"]),
        (
            "2.14-reopened/conversation.admin.opened",
            ["Reopened", "MessageReceived", "AssigneeSeen"],
        ),
        ("2.14-stale-item/conversation.admin.replied", ["Assigned", "MessageReceived"]),
        ("2.14-blank/conversation.user.replied", ["AssigneeSeen"]),
        ("2.14-redacted-source/conversation_part.redacted", ["MessageRedacted", "AssigneeSeen"]),
        ("2.16/conversation.admin.replied.translated", ["MessageReceived", "AssigneeSeen"]),
    ],
)
def test_each_notification_tells_its_facts_in_order(name: str, expected: list[str]) -> None:
    assert kinds(told(name)) == expected


def test_the_opening_message_is_told_by_every_delivery() -> None:
    first, *_ = told("2.14/conversation.user.created")
    assert first == events.MessageReceived(
        conversation=CONVERSATION,
        id=f"source:{CONVERSATION}",
        at=Position(NOON, 0, events.STEP_SAID),
        author=events.Actor(kind="customer", id=CUSTOMER, name="Tomasz Vale"),
        text="Hello, my lamp does not switch on.",
        html="<p>Hello, my lamp does not switch on.</p>",
        contact=CUSTOMER,
    )
    for topic in ("admin.assigned", "user.replied", "read", "rating.added"):
        assert told(f"2.14/conversation.{topic}")[0] == first


def test_an_opening_by_a_teammate_names_its_customer() -> None:
    first = told("2.14/conversation.admin.single.created")[0]
    assert isinstance(first, events.MessageReceived)
    assert first.author == WANDA_SEEN
    assert first.contact == CUSTOMER


def test_html_files_and_pictures_of_a_reply() -> None:
    said = only(told("2.14/conversation.user.replied"), events.MessageReceived)
    assert said.text == "It is the brass one & new."
    assert said.html.startswith("<p>It is the <b>brass</b> one &amp; new.</p>")
    assert "img" not in said.html
    assert [(a.name, a.content_type, a.size) for a in said.attachments] == [
        ("lamp.jpg", "image/jpeg", 48211),
        ("the lamp", "", None),
    ]


def test_plain_text_from_2_15() -> None:
    said = only(told("2.15/conversation.user.replied"), events.MessageReceived)
    assert (said.text, said.html) == ("It is the brass one.", "")
    content = with_part("2.15/conversation.user.replied", body="<p>literally</p>", attachments=[])
    assert only(told_by(content), events.MessageReceived).text == "<p>literally</p>"


def test_a_picture_alone_is_a_message() -> None:
    said = only(told("2.14-only-picture/conversation.user.replied"), events.MessageReceived)
    assert (said.text, len(said.attachments)) == ("", 1)
    assert said.attachments[0].url.endswith("/only.png")


def test_links_of_other_schemes_are_no_attachments() -> None:
    upload = {"type": "upload", "name": "x", "url": "javascript:alert(1)"}
    content = with_part("2.14/conversation.user.replied", attachments=[upload], body="<p>x</p>")
    assert only(told_by(content), events.MessageReceived).attachments == ()


def test_the_same_part_under_two_topics_is_the_same_facts() -> None:
    for variant, other in (("2.14-two-topics", "admin.assigned"), ("2.14-fin", "operator.replied")):
        one = told(f"{variant}/conversation.admin.replied")
        assert one == told(f"{variant}/conversation.{other}")


@pytest.mark.parametrize(
    ("variant", "to"),
    [
        ("2.14", Assignee(kind="operator", id=WANDA)),
        ("2.14-to-bot", Assignee(kind="ai", id=BOT)),
        ("2.14-to-team", Assignee(kind="team", id=TEAM)),
        ("2.14-to-fin", Assignee(kind="bot", id="7000009")),
        ("2.14-to-nobody", events.NOBODY),
    ],
)
def test_whom_a_part_assigns(variant: str, to: Assignee) -> None:
    happened = told(f"{variant}/conversation.admin.assigned")
    assigned = only(happened, events.Assigned)
    assert assigned.to == to
    assert assigned.at[2] == events.STEP_ASSIGNED
    assert str(assigned.at.number) == assigned.id
    assert not any(isinstance(event, events.AssigneeSeen) for event in happened)


@pytest.mark.parametrize(
    ("assigned_to", "to"),
    [
        ({"type": "admin", "id": int(WANDA)}, Assignee(kind="operator", id=WANDA)),
        ({"type": "admin", "id": int(BOT)}, Assignee(kind="ai", id=BOT)),
        ({"type": "admin", "id": "0"}, events.NOBODY),
        ({"type": "admin", "id": None}, events.NOBODY),
        ({"type": "team", "id": ""}, events.NOBODY),
        ({"type": "team", "id": "4242"}, Assignee(kind="ai", team="4242")),
        ({"type": "workflow", "id": "9"}, Assignee(kind="bot", id="9")),
    ],
)
def test_every_spelling_of_an_assignee(assigned_to: Any, to: Assignee) -> None:
    receiver = IntercomReceiver(secrets=["s"], bot_admin_id=BOT, ai_teams=["4242"])
    content = with_part("2.14/conversation.admin.assigned", assigned_to=assigned_to)
    envelope = receiver.read_envelope(json.dumps(content).encode())
    assert only(list(receiver.translate(envelope).events), events.Assigned).to == to


@pytest.mark.parametrize("nobody", [None, 0, "0", ""])
def test_every_spelling_of_nobody(nobody: Any) -> None:
    content = copy.deepcopy(content_of("2.14/conversation.user.replied"))
    content["data"]["item"].update(admin_assignee_id=nobody, team_assignee_id=nobody)
    assert only(told_by(content), events.AssigneeSeen).assignee == events.NOBODY


def test_the_snapshot_stands_after_what_came_with_it() -> None:
    happened = told("2.14/conversation.user.replied")
    said, seen = only(happened, events.MessageReceived), only(happened, events.AssigneeSeen)
    assert seen.assignee == Assignee(kind="ai", id=BOT)
    assert seen.at == Position(LATER, said.at.number, events.STEP_SEEN)
    assert seen.at > said.at
    assert seen.id == f"seen:{LATER // 1_000_000}:{said.id}:ai:{BOT}:-"
    assert not seen.read


def test_a_teammate_beats_the_team() -> None:
    content = copy.deepcopy(content_of("2.14-team-item/conversation.user.replied"))
    seen = only(told_by(content), events.AssigneeSeen).assignee
    assert seen == Assignee(kind="team", id=TEAM)
    content["data"]["item"]["admin_assignee_id"] = int(WANDA)
    seen = only(told_by(content), events.AssigneeSeen).assignee
    assert seen == Assignee(kind="operator", id=WANDA, team=TEAM)


def test_an_item_without_assignee_fields_says_nothing_of_it() -> None:
    content = copy.deepcopy(content_of("2.14/conversation.user.replied"))
    del content["data"]["item"]["admin_assignee_id"]
    assert kinds(told_by(content)) == ["MessageReceived"]


def test_authors_are_told_apart_by_their_type() -> None:
    def author(name: str) -> events.Actor:
        return only(told(name), events.MessageReceived).author

    assert author("2.14/conversation.admin.replied") == WANDA_SEEN
    assert author("2.14-own-echo/conversation.admin.replied").kind == "ai"
    assert author("2.14-fin/conversation.admin.replied").kind == "bot"
    assert author("2.14/conversation.user.replied").kind == "customer"
    for kind, expected in (("team", "system"), ("workflow", "bot"), ("contact", "customer")):
        content = with_part("2.14/conversation.user.replied", author={"type": kind, "id": "5"})
        assert only(told_by(content), events.MessageReceived).author.kind == expected


@pytest.mark.parametrize("part_type", ["note", "note_and_reopen"])
def test_notes_stay_private(part_type: str) -> None:
    content = with_part("2.14/conversation.admin.noted", part_type=part_type)
    happened = told_by(content)
    assert only(happened, events.NoteAdded).text == "Third broken lamp of this batch."
    assert "MessageReceived" not in kinds(happened)


def test_redaction_takes_the_words_away() -> None:
    happened = told("2.14/conversation_part.redacted")
    said = only(happened, events.MessageReceived)
    assert (said.text, said.html, said.attachments) == ("", "", ())
    assert only(happened, events.MessageRedacted).message == said.id
    opening, gone, *_ = told("2.14-redacted-source/conversation_part.redacted")
    assert isinstance(opening, events.MessageReceived)
    assert opening.text == ""
    assert gone == events.MessageRedacted(conversation=CONVERSATION, message=opening.id)


def test_e_mail_is_told_with_its_subject() -> None:
    first = told("2.14-email/conversation.user.created")[0]
    assert isinstance(first, events.MessageReceived)
    assert first.via == "email"
    assert first.text == "Order 5512\n\nPlease look.\nRegards\nTomasz"
    reply = only(told("2.14-email/conversation.user.replied"), events.MessageReceived)
    assert (reply.via, reply.text) == ("email", "Any news?")


def test_parts_of_one_delivery_are_told_in_the_channels_order() -> None:
    content = copy.deepcopy(content_of("2.14/conversation.read"))
    expected = told_by(content)
    content["data"]["item"]["conversation_parts"]["conversation_parts"].reverse()
    facts = [event for event in told_by(content) if isinstance(event, events.Happened)]
    assert facts == [event for event in expected if isinstance(event, events.Happened)]
    assert [fact.at for fact in facts] == sorted(fact.at for fact in facts)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "9" * 129),
        ("id", "a\x00b"),
        ("id", ""),
        ("id", 2**63),
        ("id", "99999999999999999999"),
        ("created_at", 1.5),
        ("created_at", -1),
        ("created_at", True),
        ("created_at", 10**12),
        ("created_at", "yesterday"),
        ("created_at", "1969-01-01T00:00:00Z"),
        ("author", []),
        ("author", "admin"),
        ("part_type", None),
        ("body", ["x"]),
        ("assigned_to", "7001002"),
        ("attachments", {}),
    ],
)
def test_what_cannot_be_told_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(Unreadable, match=r"^conversation\.user\.replied: ") as caught:
        told_by(with_part("2.14/conversation.user.replied", **{field: value}))
    assert field in caught.value.message or "part's id" in caught.value.message


def test_errors_tell_the_place_and_not_the_content() -> None:
    with pytest.raises(Unreadable) as caught:
        told_by(with_part("2.14/conversation.user.replied", created_at="a secret"))
    assert "a secret" not in caught.value.message
    with pytest.raises(Unreadable, match=r"data\.item\.conversation_parts.*\[0\]\.author"):
        told_by(with_part("2.14/conversation.user.replied", author=[]))


@pytest.mark.parametrize(
    ("name", "changes", "verified"),
    [
        ("2.14/contact.user.updated", {}, ("external_id",)),
        ("2.14/contact.user.updated", {"external_id": None}, ("email",)),
        ("2.14/contact.lead.updated", {}, ()),
        ("2.14/visitor.signed_up", {}, ()),  # an older shape, which does not say
    ],
)
def test_only_a_user_who_had_to_prove_it_is_verified(
    name: str, changes: Any, verified: tuple[str, ...]
) -> None:
    content = copy.deepcopy(content_of(name))
    content["data"]["item"].update(changes)
    assert only(told_by(content), events.ContactSeen).verified == ()
    strict = IntercomReceiver(secrets=("s",), bot_admin_id=BOT, users_are_verified=True)
    delivery = strict.translate(strict.read_envelope(json.dumps(content).encode()))
    assert only(list(delivery.events), events.ContactSeen).verified == verified


def seen_of(file: str, **changes: Any) -> events.ContactSeen:
    content = copy.deepcopy(content_of(file))
    item = content["data"]["item"]
    item.get("contact", item).update(changes)
    return only(told_by(content), events.ContactSeen)


def test_what_is_left_out_says_nothing_and_what_is_empty_takes_away() -> None:
    whole = seen_of("2.14/contact.user.updated", phone=None, email="", name="Zoe")
    assert (whole.name, whole.email, whole.phone) == ("Zoe", None, None)
    assert {"email", "phone"} <= set(whole.cleared)
    assert "name" not in whole.cleared
    for name in ("contact.archived", "contact.deleted"):
        assert seen_of(f"2.14/{name}").cleared == ()
    # The older shape names the id otherwise.
    assert "external_id" not in seen_of("2.14/visitor.signed_up").cleared


def test_tags_mail_and_the_archive_are_told_with_the_customer() -> None:
    told = seen_of("2.14/contact.lead.tag.created").marks
    assert told is not None
    assert dict(told.tagged) == {"9100234": "wholesale"}
    gone = seen_of("2.14/contact.lead.tag.deleted").marks
    assert gone is not None
    assert (dict(gone.tagged), tuple(gone.untagged)) == ({}, ("9100234",))
    for topic, archived in (("archived", True), ("unarchive", False), ("user.updated", None)):
        marks = seen_of(f"2.14/contact.{topic}").marks
        assert marks is not None
        assert marks.archived is archived
    tags = {"data": [{"type": "tag", "id": 7}, None], "has_more": True}
    some = seen_of("2.14/contact.user.updated", tags=tags, unsubscribed_from_emails=True).marks
    assert some is not None
    assert (some.tags, some.no_mail) == (None, True)  # not all of them: nothing to go by


def test_a_merge_that_does_not_say_of_whom_is_looked_into() -> None:
    assert seen_of("2.14/contact.merged").absorbed is True
    named = seen_of("2.14/contact.merged", merged_from={"type": "contact", "id": "lead"})
    assert (named.absorbed, tuple(named.merged)) == (False, ("lead",))
