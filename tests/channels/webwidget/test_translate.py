"""From what the doors deliver to events, and the channel that it is."""

import json
from typing import Any

import pytest

from gateway.channels.base import Snapshot
from gateway.channels.webwidget import open_channel
from gateway.commands import Close
from gateway.config import WebWidgetSettings
from gateway.errors import Never, Unreadable
from gateway.events import (
    Attachment,
    ContactSeen,
    MessageReceived,
    ParametersSet,
    Unrecognised,
)
from tests.channels.webwidget.contract import RECEIVER

AT = 1795363680000000
SAID = {
    "installation": "acme-web", "topic": "visitor.message", "visitor": "vis_a", "at": AT,
    "name": "Ann", "message": {"client_id": "m-1", "text": "hello"},
}  # fmt: skip


def events(**more: Any) -> Any:
    envelope = RECEIVER.read_envelope(json.dumps({**SAID, **more}).encode())
    return RECEIVER.translate(envelope).events


def test_a_message_says_whose_conversation_it_is() -> None:
    seen, said = events()
    assert seen == ContactSeen(id="vis_a", level="anonymous", as_of=AT)
    assert isinstance(said, MessageReceived)
    assert (said.id, said.conversation, said.contact) == ("web-m-1", "vis_a", "vis_a")
    assert (said.author.kind, said.author.id, said.author.name) == ("customer", "vis_a", "Ann")
    assert (said.at.at, said.text, said.html) == (AT, "hello", "")


def test_files_and_parameters_come_along() -> None:
    file = {"url": "/widget/v1/files/fil_a", "name": "a.png", "content_type": "image/png"}
    message = {"client_id": "m-2", "text": "", "attachments": [{**file, "size": 5}]}
    _, said, known = events(message=message, parameters={"page": "/cart"})
    assert said.attachments == (Attachment(**file, size=5),)
    assert known == ParametersSet(conversation="vis_a", values={"page": "/cart"}, over=False)


def test_the_clients_own_name_of_a_message_is_the_deliverys() -> None:
    envelope = RECEIVER.read_envelope(json.dumps(SAID).encode())
    assert (envelope.id, envelope.conversation) == ("vis_a:m-1", "vis_a")
    other = RECEIVER.read_envelope(json.dumps({**SAID, "visitor": "vis_b"}).encode())
    assert other.id == "vis_b:m-1"


def test_what_is_not_treated_is_kept() -> None:
    assert events(topic="visitor.danced") == [Unrecognised(topic="visitor.danced")]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{}", b"\xff", b"[" * 60_000, b'{"topic": "visitor.message"}']
)
def test_what_is_no_delivery_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        RECEIVER.read_envelope(body)


# -- the channel -----------------------------------------------------------------------------------


def settings(**more: Any) -> WebWidgetSettings:
    return WebWidgetSettings(
        name="acme-web", agent="support", key="k", allowed_origins=("https://a.example",), **more
    )


def test_it_has_no_people_of_its_own_and_nothing_is_pushed() -> None:
    channel = open_channel("acme-web", settings(), ["a secret"])
    assert channel.pushes == frozenset()
    assert not channel.policy.native_assignment
    assert not channel.remote
    assert (channel.private, channel.installation) == (True, "acme-web")


def test_asked_as_any_channel_is_it_knows_nothing_more() -> None:
    sender = open_channel("acme-web", settings(), ["a secret"]).open_sender()
    read = sender.read("vis_a", deadline=1.0)
    assert isinstance(read, Snapshot)
    assert (read.conversation, read.events, read.closed) == ("vis_a", (), False)
    assert sender.changes(0, 1, None).conversations == ()
    assert (sender.directory(), sender.skew_s()) == ((), None)
    assert sender.installation() == "acme-web"
    with pytest.raises(Never):
        sender.push(Close(conversation="vis_a"), deadline=1.0)
