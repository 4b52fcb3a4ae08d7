"""A conversation as Intercom serialises it, for REST answers and for webhook items."""

from __future__ import annotations

from intercom_standin import versions
from intercom_standin.bodies import text_of_html
from intercom_standin.records import Assignee, Author, Conversation, Holding, Json, Part
from intercom_standin.statistics import statistics

REST_PARTS_MAX = 500  # Vendor rule: REST caps a conversation at its newest 500 parts.


def webhook_conversation(conversation: Conversation, parts: list[Part], *, version: str) -> Json:
    """Return a webhook's `data.item`: only the triggering parts are in it (vendor rule)."""
    plain = versions.webhook_bodies_are_plain_text(version)
    item = _conversation(
        conversation,
        version=version,
        plain=plain,
        unassigned=versions.webhook_unassigned(version),
        iso_statistics=not versions.webhook_statistics_are_unix(version),
    )
    item["conversation_parts"] = {
        "type": "conversation_part.list",
        "conversation_parts": [part_shape(part, plain=plain) for part in parts],
        "total_count": len(parts),
    }
    return item


def rest_conversation(
    conversation: Conversation,
    *,
    version: str,
    unassigned: int | None,
    plain: bool = False,
    parts: list[Part] | None = None,
    holding: Holding | None = None,
) -> Json:
    """Return a REST conversation with its parts, all of them unless `parts` are given."""
    shown = conversation.parts[-REST_PARTS_MAX:] if parts is None else parts
    item = rest_conversation_without_parts(
        conversation, version=version, unassigned=unassigned, plain=plain, holding=holding
    )
    item["conversation_parts"] = {
        "type": "conversation_part.list",
        "conversation_parts": [part_shape(part, plain=plain) for part in shown],
        "total_count": len(conversation.parts) if parts is None else len(parts),
    }
    return item


def rest_conversation_without_parts(
    conversation: Conversation,
    *,
    version: str,
    unassigned: int | None,
    plain: bool = False,
    holding: Holding | None = None,
) -> Json:
    """Return what list and search give: vendor rule, no parts in results."""
    return _conversation(
        conversation,
        version=version,
        plain=plain,
        unassigned=unassigned,
        iso_statistics=False,
        holding=holding,
    )


def with_holding(item: Json, holding: Holding, *, version: str) -> Json:
    """Return a webhook item whose item-level assignee is `holding` (a stale one)."""
    none = versions.webhook_unassigned(version)
    return item | {
        "admin_assignee_id": none if holding.admin_id is None else holding.admin_id,
        "team_assignee_id": none if holding.team_id is None else holding.team_id,
    }


def part_shape(part: Part, *, plain: bool) -> Json:
    """Return one conversation part."""
    body = part.body
    if body is not None and plain:
        body = text_of_html(body)
    return {
        "type": "conversation_part",
        "id": part.id,
        "part_type": part.part_type,
        "body": body,
        "created_at": part.created_at,
        "updated_at": part.updated_at,
        "notified_at": part.created_at,
        "assigned_to": assignee_shape(part.assigned_to),
        "author": author_shape(part.author),
        "attachments": list(part.attachments),
        "external_id": None,
        "redacted": part.redacted,
        "metadata": {},
        "email_message_metadata": None,
        "state": part.state,
        "tags": [],
        "event_details": {},
        "app_package_code": part.app_package_code,
    }


def assignee_shape(assignee: Assignee | None) -> Json | None:
    """Vendor rule (OA PR #643): null is no change, nobody_admin with a null id is unassigned."""
    return None if assignee is None else {"type": assignee.type, "id": assignee.id}


def author_shape(author: Author) -> Json:
    """Return a part's author: its id is a string whoever it is."""
    return {
        "id": author.id,
        "type": author.type,
        "name": author.name,
        "email": author.email or "",
        "from_ai_agent": author.from_ai_agent,
        "is_ai_answer": author.is_ai_answer,
    }


def _conversation(
    conversation: Conversation,
    *,
    version: str,
    plain: bool,
    unassigned: int | None,
    iso_statistics: bool,
    holding: Holding | None = None,
) -> Json:
    held = holding or conversation.holding
    low, high = versions.priority_words(version)
    author = conversation.author
    teammates = sorted({p.author.id for p in conversation.parts if p.author.type == "admin"})
    return {
        "type": "conversation",
        "id": conversation.id,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
        "waiting_since": conversation.waiting_since,
        "snoozed_until": conversation.snoozed_until,
        "source": {
            "type": conversation.source_type,
            "id": conversation.source_id,
            "delivered_as": conversation.delivered_as,
            "subject": (text_of_html(conversation.subject) if plain else conversation.subject),
            "body": text_of_html(conversation.body) if plain else conversation.body,
            "author": {
                "type": author.type,
                "id": author.id,
                "name": author.name,
                "email": author.email or "",
            },
            "attachments": list(conversation.attachments),
            "url": None,
            "redacted": conversation.source_redacted,
        },
        "contacts": {
            "type": "contact.list",
            # Observed: neither name nor e-mail here, they need GET /contacts/{id}.
            "contacts": [
                {"type": "contact", "id": one.id, "external_id": one.external_id}
                for one in (conversation.contact, *conversation.also)
            ],
        },
        "first_contact_reply": _first_contact_reply(conversation),
        # Observed: an int here, a string in `assigned_to` and `author`.
        "admin_assignee_id": unassigned if held.admin_id is None else held.admin_id,
        "team_assignee_id": unassigned if held.team_id is None else held.team_id,
        "open": conversation.state == "open",
        "state": conversation.state,
        "read": conversation.read,
        "tags": {"type": "tag.list", "tags": []},
        "priority": high if conversation.priority else low,
        "sla_applied": None,
        "statistics": statistics(conversation, iso=iso_statistics),
        "conversation_rating": None,
        "teammates": {
            "type": "admin.list",
            "admins": [{"type": "admin", "id": one} for one in teammates],
        },
        "title": conversation.title,
        "custom_attributes": {"Copilot used": False} | conversation.custom_attributes,
        "topics": {"type": "topic.list", "topics": [], "total_count": 0},
        "ticket": None,
        "linked_objects": {"type": "list", "data": [], "total_count": 0, "has_more": False},
        "ai_agent": None,
        "ai_agent_participated": conversation.ai_agent_participated,
    }


def _first_contact_reply(conversation: Conversation) -> Json | None:
    if conversation.delivered_as == "customer_initiated":
        return {"created_at": conversation.created_at, "type": "conversation", "url": None}
    for part in conversation.parts:
        if part.author.type in ("user", "lead", "contact") and part.body:
            return {"created_at": part.created_at, "type": "conversation", "url": None}
    return None
