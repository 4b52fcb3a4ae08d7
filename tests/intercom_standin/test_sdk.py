"""python-intercom against the stand-in: the calls that the gateway makes."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from intercom import (
    AdminReplyConversationRequest,
    Intercom,
    SingleFilterSearchRequest,
    StartingAfterPaging,
)
from intercom.conversations import ConversationsManageRequestBody_Assignment
from intercom.core.api_error import ApiError
from intercom.errors import NotFoundError, UnauthorizedError

from intercom_standin import StandIn
from intercom_standin.cast import SUPPORT_TEAM_ID


@pytest.fixture
def client(standin: StandIn) -> Iterator[Intercom]:
    with httpx.Client(timeout=5) as connection:
        yield Intercom(
            token=standin.token,
            base_url=standin.base_url,
            headers={"Intercom-Version": "2.14"},
            httpx_client=connection,
        )


@pytest.fixture
def conversation_id(standin: StandIn) -> str:
    return standin.world.customer_starts("Hello\nthere", name="Nora Quinn").conversation_id


def test_reply_assign_find_and_search(
    standin: StandIn, client: Intercom, conversation_id: str
) -> None:
    replied = client.conversations.reply(
        conversation_id,
        request=AdminReplyConversationRequest(
            message_type="comment", admin_id="814860", body="Hi Nora"
        ),
    )
    assert replied.conversation_parts is not None
    assert replied.conversation_parts.conversation_parts is not None
    part = replied.conversation_parts.conversation_parts[-1]
    assert part.id == standin.world.conversation(conversation_id).parts[-1].id
    client.conversations.manage(
        conversation_id,
        request=ConversationsManageRequestBody_Assignment(
            type="team", admin_id="814860", assignee_id=str(SUPPORT_TEAM_ID)
        ),
    )
    found = client.conversations.find(conversation_id, display_as="plaintext")
    assert found.source is not None
    assert found.source.body == "Hello\nthere"
    assert str(found.team_assignee_id) == str(SUPPORT_TEAM_ID)
    searched = client.conversations.search(
        query=SingleFilterSearchRequest(field="updated_at", operator=">", value="0"),
        pagination=StartingAfterPaging(per_page=150),
    )
    assert [one.id for one in searched] == [conversation_id]


def test_people(standin: StandIn, client: Intercom, conversation_id: str) -> None:
    me = client.admins.identify()
    assert me is not None
    assert me.app is not None
    assert me.app.id_code == standin.app_id
    contact_id = standin.world.conversation(conversation_id).contact.id
    assert client.contacts.find(contact_id).name == "Nora Quinn"
    teams = client.teams.list().teams
    assert teams is not None
    assert {one.name for one in teams} == {"Support", "Billing"}


def test_errors_become_the_sdks_own(
    standin: StandIn, client: Intercom, conversation_id: str
) -> None:
    with pytest.raises(NotFoundError):
        client.conversations.find("1")
    standin.faults.add("rate_limited", where="get")
    with pytest.raises(ApiError) as limited:
        client.conversations.find(conversation_id)
    assert limited.value.status_code == 429
    standin.faults.add("timeout_after", where="note")
    with pytest.raises(httpx.RemoteProtocolError):
        client.conversations.reply(
            conversation_id,
            request=AdminReplyConversationRequest(
                message_type="note", admin_id="814860", body="psst"
            ),
        )
    assert standin.world.conversation(conversation_id).parts[-1].part_type == "note"
    standin.gate.token = "another"
    with pytest.raises(UnauthorizedError):
        client.conversations.find(conversation_id)
