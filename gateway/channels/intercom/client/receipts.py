"""Which part of an answered conversation is the one that our call has just made.

Intercom answers a write with the conversation and does not say which of its parts is new, nor
whether it shows all of them. Everything is compared by Intercom's own clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

from gateway.channels.intercom.client.answers import Json
from gateway.commands import Done
from gateway.events import Assignee

# A part older than this, against the newest time in the answer, was not made by this call.
FRESH_S = 30

Assigned = Callable[[Json], Assignee | None]
Target = tuple[Literal["admin", "team", "nobody"], str]


def of_words(
    conversation: Json, *, admin: str, note: bool, says: Callable[[str], bool], assigned: Assigned
) -> Done | None:
    """Find the message or note that `admin` has just left; `says` compares an HTML body to ours.

    `assigned` tells to whom a part has assigned the conversation.

    Its part_type is not always `comment`: a reply may also assign or reopen. Intercom sanitises
    bodies, so one that reads differently is still ours if it is the newest of that admin.
    """
    found = []
    for part in _fresh_parts(conversation):
        body = part.get("body")
        if not body or (part.get("part_type") == "note") is not note:
            continue
        author = _object(part.get("author"))
        same = says(str(body))
        ours = _is_admin(author, admin)
        # The spec tells of replies by e-mail that are kept as a bot's comment.
        if ours or (same and author.get("type") == "bot"):
            found.append((same, ours, *_when(part), part))
    if not found:
        return None
    part = max(found, key=lambda one: one[:4])[4]
    return replace(_receipt(part), assigned=assigned(part))


def of_assignment(conversation: Json, *, admin: str, target: Target) -> Done | None:
    """Find `admin`'s assignment to `target`; without one (nothing changed), take the state."""
    made = [part for part in _by(admin, conversation) if _assigned_to(part) == target]
    if made:
        return _receipt(max(made, key=_when))
    kind, id_ = target
    admin = _id(conversation.get("admin_assignee_id"))
    team = _id(conversation.get("team_assignee_id"))
    stands = {"admin": admin == id_, "team": team == id_ and not admin, "nobody": not admin}
    return _state_receipt(conversation) if stands[kind] else None


def of_close(conversation: Json, *, admin: str) -> Done | None:
    """Find `admin`'s close; without one (it was closed already), take the state for it."""
    made = [part for part in _by(admin, conversation) if part.get("part_type") == "close"]
    if made:
        return _receipt(max(made, key=_when))
    return _state_receipt(conversation) if conversation.get("state") == "closed" else None


def _fresh_parts(conversation: Json) -> Iterator[Json]:
    listed = _object(conversation.get("conversation_parts")).get("conversation_parts")
    parts = [part for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []
    parts = [part for part in parts if _id(part.get("id"))]
    times = [_seconds(part.get("created_at")) for part in parts]
    newest = max([*times, _seconds(conversation.get("updated_at"))])
    for part, at in zip(parts, times, strict=True):
        if at >= newest - FRESH_S:
            yield part


def _by(admin: str, conversation: Json) -> Iterator[Json]:
    for part in _fresh_parts(conversation):
        if _is_admin(_object(part.get("author")), admin):
            yield part


def _is_admin(author: Json, admin: str) -> bool:
    return author.get("type") == "admin" and str(author.get("id")) == admin


def _receipt(part: Json) -> Done:
    at, number = _when(part)
    return Done(id=str(part["id"]), at=at * 1_000_000, number=number)


def _state_receipt(conversation: Json) -> Done:
    # No part says it. The id cannot be one of a part, and is the same for the same state.
    at = _seconds(conversation.get("updated_at"))
    return Done(id=f"{conversation.get('id')}@{at}", at=at * 1_000_000)


def _when(part: Json) -> tuple[int, int]:
    id_ = str(part.get("id"))
    return _seconds(part.get("created_at")), int(id_) if id_.isdecimal() else 0


def _assigned_to(part: Json) -> Target | None:
    to = _object(part.get("assigned_to"))  # null: this part changed no assignment
    kind, id_ = to.get("type"), _id(to.get("id"))
    if kind == "nobody_admin" or (kind == "admin" and not id_):
        return ("nobody", "")
    if kind in ("admin", "team"):
        return ("admin" if kind == "admin" else "team", id_)
    return None


def _id(value: object) -> str:
    # Unassigned is null, 0, "0" or "" (FACTS 1.6).
    return "" if value in (None, 0, "0", "") else str(value)


def _seconds(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
