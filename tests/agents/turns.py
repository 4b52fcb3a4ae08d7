"""Turns to ask agents with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.events import Actor, AuthorKind, Turn, TurnContact, TurnMessage

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NAMES: dict[AuthorKind, str] = {"customer": "Maeve", "operator": "Anna", "ai": "Bot"}


def said(number: int, kind: AuthorKind, text: str, **more: Any) -> TurnMessage:
    """A message, said `number` seconds after noon."""
    return TurnMessage(
        id=f"msg_{number}",
        author=Actor(kind=kind, name=NAMES.get(kind)),
        text=text,
        occurred_at=NOON + timedelta(seconds=number),
        **more,
    )


def turn(*messages: TurnMessage, **more: Any) -> Turn:
    """A turn about these messages."""
    details: dict[str, Any] = {
        "id": "trn_1",
        "session": "ses_1",
        "channel": "acme-web",
        "mode": "ai",
        "cause": "message",
        "contact": TurnContact(id="con_1", name="Maeve", email="m@example.org", verified=True),
        **more,
    }
    return Turn(messages=messages, **details)


def asked(text: str, **more: Any) -> Turn:
    """A turn about one new message of the customer."""
    return turn(said(1, "customer", text, new=True), **more)
