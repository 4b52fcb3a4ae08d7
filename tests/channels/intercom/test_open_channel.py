"""From settings to a channel, without anything slow being imported."""

import subprocess
import sys

import pytest

from gateway.channels.intercom import IntercomReceiver, open_channel
from gateway.channels.intercom.markup import plain_of_markdown
from gateway.config import IntercomSettings
from gateway.errors import ConfigError
from gateway.events import NOBODY, Assignee
from gateway.policy import Policy


def settings(**changes: object) -> IntercomSettings:
    given: dict[str, object] = {
        "name": "acme",
        "agent": "support",
        "access_token": "token",
        "client_secret": ("secret",),
        "bot_admin_id": "814860",
    }
    return IntercomSettings(**(given | changes))  # type: ignore[arg-type]


def test_the_defaults_of_a_channel() -> None:
    channel = open_channel("acme", settings())
    assert (channel.name, channel.kind, channel.agent) == ("acme", "intercom", "support")
    assert isinstance(channel.receiver, IntercomReceiver)
    assert channel.policy == Policy()
    pushes = {"send_message", "add_note", "assign", "close"}
    assert channel.pushes == pushes | {"update_contact"}
    kept = open_channel("acme", settings(push_contacts=False))
    assert kept.pushes == pushes
    assert channel.ai == Assignee(kind="ai", id="814860")
    assert channel.hand_over_to == NOBODY
    assert (channel.drafts, channel.private, channel.installation) == ("note", True, None)
    assert channel.plain is plain_of_markdown


def test_every_grey_area_can_be_set() -> None:
    channel = open_channel(
        "acme",
        settings(
            hand_over_to="team:5017690",
            answer_when=("bot",),
            first_mode="copilot",
            on_unassigned="human",
            takeover_on_reply=False,
            other_bot="human",
            email_conversations="ai",
            drafts="none",
            app_id="abc123",
        ),
    )
    assert channel.policy == Policy(
        answer_when_unassigned=False,
        answer_when_assigned=True,
        first_mode="copilot",
        on_unassigned="human",
        takeover_on_reply=False,
        other_bot="human",
        answer_email=True,
    )
    assert channel.hand_over_to == Assignee(kind="team", id="5017690")
    assert (channel.drafts, channel.installation) == ("none", "abc123")
    channel = open_channel("acme", settings(hand_over_to="admin:7"))
    assert channel.hand_over_to == Assignee(kind="operator", id="7")


@pytest.mark.parametrize("target", ["5017690", "team:", "bot:7", ":7"])
def test_an_impossible_handover_target_is_a_config_error(target: str) -> None:
    with pytest.raises(ConfigError, match=r"channels\.acme\.hand_over_to"):
        open_channel("acme", settings(hand_over_to=target))


def test_the_sdk_is_imported_by_workers_only() -> None:
    code = (
        "import sys, gateway.channels.intercom; "
        "sys.exit('intercom' in sys.modules or 'httpx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
