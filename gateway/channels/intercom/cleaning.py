"""A notification's body without words that were taken back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from gateway.channels.intercom.notification import parse

# An internal dump, with JSON within texts: nothing of it can be told apart.
_DUMPS = ("conversation.contact.attached", "conversation.contact.detached")
_CUSTOMERS = ("user", "lead", "contact")


def without_words(body: bytes, messages: Collection[str], before: int) -> bytes:
    """The body without the words of these messages, and without any from before `before` (µs).

    Empty where it cannot be cleaned. Raises Unreadable for what is no notification.
    """
    content = parse(body)
    if not isinstance(content, dict) or content.get("topic") in _DUMPS:
        return b""
    cleaned = _clean(content, "", messages, before)
    return msgspec.json.encode(content) if cleaned else body


def _clean(node: Any, above: str, messages: Collection[str], before: int) -> bool:
    """Clean what lies in a node; `above` is the id of the conversation that it lies in."""
    if isinstance(node, list):
        return [_clean(one, above, messages, before) for one in node].count(True) > 0
    if not isinstance(node, dict):
        return False
    above = str(node.get("id", above)) if node.get("type") == "conversation" else above
    cleaned = False
    for name, child in node.items():
        if name == "source" and isinstance(child, dict):
            opened = node.get("created_at")
            if f"source:{above}" in messages or _is_old(opened, before):
                _silence(child, old=_is_old(opened, before))
                node["title"] = None
                cleaned = True
        elif isinstance(child, dict | list):
            cleaned |= _clean(child, above, messages, before)
    if "body" in node:
        old = _is_old(node.get("created_at"), before)
        if str(node.get("id")) in messages or old:
            _silence(node, old=old)
            cleaned = True
    return cleaned


def _silence(said: dict[str, Any], *, old: bool) -> None:
    """Words go, and of what is `old` the customer's name, too."""
    said |= {"body": "", "attachments": [], "redacted": True}
    if "subject" in said:
        said["subject"] = ""
    author = said.get("author")
    if old and isinstance(author, dict) and author.get("type") in _CUSTOMERS:
        author |= {"name": None, "email": None}


def _is_old(seconds: Any, before: int) -> bool:
    return isinstance(seconds, int) and seconds * 1_000_000 < before
