"""What happens in a workspace, as FACTS says Intercom does it."""

from __future__ import annotations

import pytest

from intercom_standin import StandIn
from intercom_standin.cast import AOIFE_ID, MAREK_ID, SUPPORT_TEAM_ID
from intercom_standin.ledger import NotAllowed, NotThere
from intercom_standin.records import NOBODY, Assignee


@pytest.fixture
def conversation_id(standin: StandIn) -> str:
    started = standin.world.customer_starts("Hello", name="Nora Quinn").conversation_id
    standin.notifier.take()
    return started


def test_a_new_customer_is_a_lead_and_tells_two_topics(standin: StandIn) -> None:
    outcome = standin.world.customer_starts("Hello", name="Nora Quinn")
    assert outcome.topics == ["contact.lead.created", "conversation.user.created"]
    assert outcome.conversation is not None
    assert outcome.conversation.author.type == "lead"
    assert outcome.conversation.parts == []


def test_a_customer_with_an_address_is_a_user(standin: StandIn) -> None:
    outcome = standin.world.customer_starts("Hello", email="nora@customer.example")
    assert outcome.topics[0] == "contact.user.created"


def test_a_blank_message_leaves_nothing_behind(standin: StandIn) -> None:
    with pytest.raises(NotAllowed):
        standin.world.customer_starts("  \n ")
    assert standin.world.contacts == {}
    assert standin.world.conversations == {}


def test_ids_are_numbers_that_grow(standin: StandIn, conversation_id: str) -> None:
    other = standin.world.customer_starts("Hello").conversation_id
    first = standin.world.customer_replies(conversation_id, "one").part_id
    second = standin.world.customer_replies(conversation_id, "two").part_id
    assert int(conversation_id) < int(other)
    assert int(first) < int(second)


def test_a_reply_to_a_closed_conversation_is_an_open_part_with_a_body(
    standin: StandIn, conversation_id: str
) -> None:
    standin.world.close(conversation_id, AOIFE_ID)
    outcome = standin.world.customer_replies(conversation_id, "Still broken")
    assert outcome.topics == ["conversation.user.replied"]
    assert outcome.part is not None
    assert outcome.conversation is not None
    assert (outcome.part.part_type, outcome.part.body) == (
        "open",
        '<p class="no-margin">Still broken</p>',
    )
    assert outcome.conversation.state == "open"


def test_a_teammates_reply_in_an_unassigned_conversation_assigns_with_a_body(
    standin: StandIn, conversation_id: str
) -> None:
    outcome = standin.world.admin_replies(conversation_id, AOIFE_ID, "I take this")
    assert outcome.part is not None
    assert outcome.conversation is not None
    assert outcome.part.part_type == "assignment"
    assert outcome.part.body
    assert outcome.part.assigned_to == Assignee("admin", str(AOIFE_ID))
    assert outcome.topics == [
        "conversation.admin.replied",
        "conversation.admin.assigned",
        "conversation.admin.open.assigned",
    ]
    assert {one.part_id for one in outcome.notifications} == {outcome.part_id}
    assert len({one.id for one in outcome.notifications}) == 3
    again = standin.world.admin_replies(conversation_id, MAREK_ID, "Me too")
    assert again.part is not None
    assert again.conversation is not None
    assert (again.part.part_type, again.part.assigned_to) == ("comment", None)
    assert again.conversation.holding.admin_id == AOIFE_ID


def test_an_api_reply_may_leave_the_assignee_alone(standin: StandIn, conversation_id: str) -> None:
    standin.world.api_reply_assigns = False
    outcome = standin.world.admin_replies(conversation_id, AOIFE_ID, "Hello", via_api=True)
    assert outcome.topics == ["conversation.admin.replied"]


def test_a_teammate_keeps_the_team_and_a_team_removes_the_teammate(
    standin: StandIn, conversation_id: str
) -> None:
    standin.world.assign(conversation_id, f"team:{SUPPORT_TEAM_ID}")
    both = standin.world.assign(conversation_id, AOIFE_ID).conversation
    assert both is not None
    assert (both.holding.admin_id, both.holding.team_id) == (AOIFE_ID, SUPPORT_TEAM_ID)
    team = standin.world.assign(conversation_id, "team:5017702").conversation
    assert team is not None
    assert (team.holding.admin_id, team.holding.team_id) == (None, 5017702)


def test_unassigning_says_nobody_admin(standin: StandIn, conversation_id: str) -> None:
    standin.world.assign(conversation_id, "bot")
    outcome = standin.world.assign(conversation_id, "nobody", by=AOIFE_ID)
    assert outcome.part is not None
    assert outcome.part.assigned_to == NOBODY
    standin.world.notifies_unassigning = False
    assert standin.world.assign(conversation_id, "nobody").topics == []


def test_fin_is_a_bot_and_no_admin_holds_the_conversation(
    standin: StandIn, conversation_id: str
) -> None:
    outcome = standin.world.assign(conversation_id, "fin")
    assert outcome.part is not None
    assert outcome.conversation is not None
    assert outcome.part.assigned_to == Assignee("bot", standin.world.fin.id)
    assert outcome.conversation.holding.admin_id is None


def test_assigning_a_closed_conversation_reopens_it_under_another_topic(
    standin: StandIn, conversation_id: str
) -> None:
    standin.world.close(conversation_id, AOIFE_ID)
    outcome = standin.world.assign(conversation_id, MAREK_ID)
    assert outcome.part is not None
    assert outcome.conversation is not None
    assert outcome.part.part_type == "assign_and_reopen"
    assert outcome.topics == ["conversation.admin.opened"]
    assert outcome.conversation.state == "open"


def test_an_admins_reply_reopens_a_closed_conversation(
    standin: StandIn, conversation_id: str
) -> None:
    standin.world.close(conversation_id, AOIFE_ID)
    outcome = standin.world.admin_replies(conversation_id, AOIFE_ID, "One more thing")
    assert outcome.part is not None
    assert outcome.part.part_type == "open"
    assert outcome.part.body
    assert "conversation.admin.opened" in outcome.topics


def test_fin_writes_under_two_topics_as_a_bot(standin: StandIn, conversation_id: str) -> None:
    outcome = standin.world.fin_writes(conversation_id, "I am Fin")
    assert outcome.part is not None
    assert outcome.part.author.type == "bot"
    assert outcome.topics == ["conversation.operator.replied", "conversation.admin.replied"]


def test_states_have_their_parts_and_topics(standin: StandIn, conversation_id: str) -> None:
    world = standin.world
    seen = [
        world.close(conversation_id, AOIFE_ID),
        world.open(conversation_id, AOIFE_ID),
        world.snooze(conversation_id, AOIFE_ID, until=1_900_000_000),
        world.unsnooze(conversation_id),
    ]
    assert [one.part.part_type for one in seen if one.part] == [
        "close",
        "open",
        "snoozed",
        "unsnoozed",
    ]
    assert [one.topics for one in seen] == [
        ["conversation.admin.closed"],
        ["conversation.admin.opened"],
        ["conversation.admin.snoozed"],
        ["conversation.admin.unsnoozed"],
    ]
    with pytest.raises(NotAllowed):
        world.unsnooze(conversation_id)


def test_away_with_reassign_takes_the_bot_off_at_the_next_message(
    standin: StandIn, conversation_id: str
) -> None:
    standin.world.assign(conversation_id, "bot")
    standin.world.set_away(814860, away=True, reassign=True)
    outcome = standin.world.customer_replies(conversation_id, "Hello?")
    assert outcome.topics[0] == "conversation.user.replied"
    assert outcome.conversation is not None
    assert outcome.conversation.holding.admin_id is None
    assert outcome.conversation.parts[-1].author.type == "bot"


def test_merging_moves_the_conversations(standin: StandIn, conversation_id: str) -> None:
    lead = standin.world.conversation(conversation_id).contact.id
    user = standin.world.add_contact("Nora", email="nora@customer.example").contact
    assert user is not None
    outcome = standin.world.merge_contacts(lead, user.id)
    assert outcome.topics == ["contact.merged"]
    assert standin.world.conversation(conversation_id).contact.id == user.id
    with pytest.raises(NotThere):
        standin.world.contact(lead)
    with pytest.raises(NotAllowed):
        standin.world.merge_contacts(user.id, user.id)


def test_an_email_edit_tells_two_topics(standin: StandIn) -> None:
    contact = standin.world.add_contact("Nora").contact
    assert contact is not None
    outcome = standin.world.update_contact(contact.id, email="new@customer.example")
    assert outcome.topics == ["contact.lead.updated", "contact.email.updated"]


def test_an_outcome_is_not_touched_by_what_comes_later(
    standin: StandIn, conversation_id: str
) -> None:
    outcome = standin.world.customer_replies(conversation_id, "one")
    standin.world.customer_replies(conversation_id, "two")
    assert outcome.conversation is not None
    assert len(outcome.conversation.parts) == 1


def test_redacting_and_deleting(standin: StandIn, conversation_id: str) -> None:
    world = standin.world
    part_id = world.customer_replies(conversation_id, "my secret").part_id
    redacted = world.redact(conversation_id, part_id)
    assert redacted.topics == ["conversation_part.redacted"]
    assert redacted.part is not None
    assert "secret" not in str(redacted.part.body)
    assert redacted.part.id == part_id
    deleted = world.delete_conversation(conversation_id)
    assert deleted.notifications[0].item == {
        "type": "conversation",
        "conversation_id": conversation_id,
    }
    with pytest.raises(NotThere):
        world.customer_replies(conversation_id, "hello?")
