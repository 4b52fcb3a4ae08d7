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
    if not messages and not before:
        return body
    content = parse(body)
    if not isinstance(content, dict) or content.get("topic") in _DUMPS:
        return b""
    return msgspec.json.encode(content) if _clean(content, "", messages, before) else body


def _clean(node: Any, above: str, messages: Collection[str], before: int) -> bool:
    """Clean what lies in a node; `above` is the id of the conversation that it lies in.

    True if there was anything to clean.
    """
    if isinstance(node, list):
        return [_clean(one, above, messages, before) for one in node].count(True) > 0
    if not isinstance(node, dict):
        return False
    if node.get("type") == "conversation":
        above = str(node.get("id"))
    cleaned = False
    for name, child in node.items():
        if name == "source" and isinstance(child, dict):
            old = _is_old(node.get("created_at"), before)
            if (old or f"source:{above}" in messages) and _silence(child, old=old):
                cleaned = True
        else:
            cleaned |= _clean(child, above, messages, before)
    if cleaned and node.get("title"):  # often the subject, or the first words
        node["title"] = None
    if "body" in node:
        old = _is_old(node.get("created_at"), before)
        cleaned |= (old or str(node.get("id")) in messages) and _silence(node, old=old)
    return cleaned


def _silence(said: dict[str, Any], *, old: bool) -> bool:
    """Words go, and of what is `old` the customer's name, too. True if there were any."""
    spoke = False
    if any(said.get(name) for name in ("body", "subject", "attachments")):
        said |= {"body": "", "attachments": [], "redacted": True}
        if "subject" in said:
            said["subject"] = ""
        spoke = True
    author = said.get("author")
    if old and isinstance(author, dict) and author.get("type") in _CUSTOMERS:
        spoke |= bool(author.get("name") or author.get("email"))
        author |= {"name": None, "email": None}
    return spoke


def _is_old(seconds: Any, before: int) -> bool:
    return isinstance(seconds, int) and seconds * 1_000_000 < before
