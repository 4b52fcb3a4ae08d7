"""The record against the stand-in's own truth: messages, assignees, states and contacts.

The stand-in is asked directly, not through anything of the gateway's.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from sqlalchemy import select

from gateway.handover import Thread
from gateway.store.models import ChatSession, Contact, Conversation, Message
from intercom_standin.records import Conversation as TheirConversation
from tests.rig import BOT, CHANNEL, Rig

_SAYS = {"user": "customer", "lead": "customer", "contact": "customer", "bot": "bot"}


_OPENED = (ChatSession.opened_at, ChatSession.opened_number, ChatSession.opened_step)


def differences(it: Rig) -> list[str]:
    """Everything in which the record is not what the workspace shows."""
    found: list[str] = []
    ours = _ours(it)
    for id, theirs in it.world.conversations.items():
        if id not in ours:
            found.append(f"{id} is not known")
            continue
        mine = ours[id]
        wanted = {
            "messages": _messages(theirs),
            "assignee": _assignee(theirs),
            "active": _is_active(theirs),
            "contact": _contact(theirs),
        }
        found += [
            f"{id} {what}: theirs {value!r}, ours {mine[what]!r}"
            for what, value in wanted.items()
            if mine[what] != value
        ]
    for id, _ in it.world.deleted:
        if id in ours and ours[id]["active"]:
            found.append(f"{id} is deleted and goes on here")
    return found


def left_waiting(it: Rig) -> list[str]:
    """Conversations in which a customer waits for an answer and nobody is going to give one."""
    found = []
    for id, mine in _ours(it).items():
        spoken = mine["spoken"]
        if not (mine["active"] and mine["mode"] == "ai" and spoken):
            continue
        if spoken[-1].author_kind == "customer":
            found.append(f"{id}: {spoken[-1].text!r} has no answer")
        unheard = [one for one in spoken if one.author_kind == "customer" and not one.asked_in]
        if unheard and unheard[-1] is [s for s in spoken if s.author_kind == "customer"][-1]:
            after = spoken[spoken.index(unheard[-1]) :]
            if not any(one.author_kind in ("operator", "bot") for one in after):
                found.append(f"{id}: the AI was never told {unheard[-1].text!r}")
    return found


def answered_twice(it: Rig) -> list[str]:
    """Customers' words that the AI answered more than once; its answers name what they are on."""
    found = []
    for id, theirs in it.world.conversations.items():
        said = [
            part.body
            for part in theirs.parts
            if str(part.author.id) == BOT and part.part_type != "note" and part.body
        ]
        named = [word for body in said for word in re.findall(r"Words \d+\.", body)]
        found += [f"{id}: {word}" for word in sorted(set(named)) if named.count(word) > 1]
    return found


def _ours(it: Rig) -> dict[str, Any]:
    ours: dict[str, Any] = {}
    by_id: dict[str, dict[str, Any]] = {}
    plain = it.parts.channels[CHANNEL].plain
    with it.parts.database.read() as db:
        for row in db.execute(
            select(Conversation.id, Conversation.external_id, Conversation.thread,
                   Contact.email, Contact.name)
            .outerjoin(Contact, Contact.id == Conversation.contact_id)
        ):  # fmt: skip
            thread = msgspec.json.decode(row.thread, type=Thread)
            held = thread.assignee
            ours[row.external_id] = by_id[row.id] = {
                "messages": set(), "spoken": [], "mode": None, "active": False,
                "assignee": ("nobody", None) if held is None else (held.kind, held.id),
                "contact": row.email,
            }  # fmt: skip
        for row in db.execute(
            select(Message.__table__).where(Message.external_id.is_not(None))
            .order_by(Message.at, Message.number, Message.step)
        ):  # fmt: skip
            if row.kind in ("message", "note") and not row.external_id.startswith("act_"):
                # What the gateway itself says, it says from the bot's seat, in its own Markdown.
                author = "ai" if row.author_kind == "system" else row.author_kind
                text = plain(row.text) if author == "ai" else row.text
                words = "" if row.redacted else " ".join(text.split())
                by_id[row.conversation_id]["messages"].add(
                    (row.external_id, row.kind, author, words)
                )
            if row.kind == "message":
                by_id[row.conversation_id]["spoken"].append(row)
        for row in db.execute(select(ChatSession.__table__).order_by(*_OPENED)):
            mine = by_id[row.conversation_id]
            mine["active"], mine["mode"] = row.status == "active", row.mode
    return ours


def _messages(theirs: TheirConversation) -> set[tuple[str, str, str, str]]:
    words = _plain(theirs.body)
    if theirs.subject:  # half of an e-mail's message
        words = f"{_plain(theirs.subject)} {words}"
    found = {(f"source:{theirs.id}", "message", _author(theirs.author), words)}
    for part in theirs.parts:
        if part.body is None:
            continue
        kind = "note" if part.part_type == "note" else "message"
        words = "" if part.redacted else _plain(part.body)
        found.add((part.id, kind, _author(part.author), words))
    return found


def _author(author: Any) -> str:
    if author.type == "admin":
        return "ai" if author.id == BOT else "operator"
    return _SAYS[author.type]


def _plain(html: str) -> str:
    """The words alone; what separates them is the markup's tests' business."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)).strip()


def _assignee(theirs: TheirConversation) -> tuple[str, str | None]:
    held = theirs.holding
    if held.admin_id is not None:
        id = str(held.admin_id)
        return ("ai" if id == BOT else "operator", id)
    if held.bot_id is not None:
        return ("bot", held.bot_id)
    if held.team_id is not None:
        return ("team", str(held.team_id))
    return ("nobody", None)


def _is_active(theirs: TheirConversation) -> bool:
    """A customer's word opens a session, a close ends it, and staff alone open none."""
    active = True
    for part in theirs.parts:
        if part.part_type == "close":
            active = False
        elif part.body is not None and _author(part.author) == "customer":
            active = True
    return active


def _contact(theirs: TheirConversation) -> str | None:
    return theirs.contact.email or None
