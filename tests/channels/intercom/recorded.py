"""The recorded payloads, read."""

import copy
import json
from pathlib import Path
from typing import Any, TypeVar

from gateway import events
from tests.channels.intercom.contract import RECEIVER

Kind = TypeVar("Kind")
PAYLOADS = Path(__file__).parent / "payloads"
CONVERSATION, CUSTOMER, BOT, WANDA, TEAM = (
    "88120450031",
    "66f0c0ffee00000000000a01",
    "7001001",
    "7001002",
    "7100005",
)
WANDA_SEEN = events.Actor(kind="operator", id=WANDA, name="Wanda Thistle")


def content_of(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_bytes())


def item_of(name: str) -> Any:
    return content_of(name)["data"]["item"]


def told(name: str) -> list[events.Event]:
    """Translate `<variant>/<topic>`."""
    return told_by(content_of(name))


def told_by(content: Any) -> list[events.Event]:
    envelope = RECEIVER.read_envelope(json.dumps(content).encode())
    return list(RECEIVER.translate(envelope).events)


def with_part(name: str, **changes: Any) -> Any:
    """Return the content of a payload with fields of its first part changed."""
    content = copy.deepcopy(content_of(name))
    parts = content["data"]["item"]["conversation_parts"]["conversation_parts"]
    parts[0].update(changes)
    return content


def kinds(happened: list[events.Event]) -> list[str]:
    """Name the events in their order, the opening message and the people left out."""
    left_out = (events.ContactSeen, events.StaffSeen)
    return [
        type(event).__name__
        for event in happened
        if not isinstance(event, left_out)
        and not str(getattr(event, "id", "")).startswith("source:")
    ]


def only(happened: list[events.Event], kind: type[Kind]) -> Kind:
    """Return the one event of `kind`, the opening message left out."""
    found = [
        event
        for event in happened
        if isinstance(event, kind) and not str(getattr(event, "id", "")).startswith("source:")
    ]
    assert len(found) == 1, found
    return found[0]
