"""What the control doors and the inbox page show of the workspace."""

from __future__ import annotations

from intercom_standin.bodies import text_of_html
from intercom_standin.delivery import Delivery
from intercom_standin.gate import Call
from intercom_standin.notifier import Notifier
from intercom_standin.records import Assignee, Conversation, Holding, Json, Notification, Part
from intercom_standin.world import World


def state_view(world: World) -> Json:
    """Return everything; called with the lock held."""
    conversations = sorted(
        world.conversations.values(), key=lambda one: (one.updated_at, int(one.id)), reverse=True
    )
    return {
        "revision": world.revision,
        "app_id": world.app_id,
        "version": world.version,
        "admins": [
            {
                "id": str(one.id),
                "name": one.name,
                "email": one.email,
                "is_bot_seat": one.is_bot_seat,
                "away": one.away,
            }
            for one in world.admins.values()
        ],
        "teams": [{"id": str(one.id), "name": one.name} for one in world.teams.values()],
        "contacts": [
            {
                "id": one.id,
                "name": one.name,
                "email": one.email,
                "phone": one.phone,
                "role": one.role,
                "external_id": one.external_id,
            }
            for one in world.contacts.values()
            if not one.deleted and one.merged_into is None
        ],
        "conversations": [_conversation_view(world, one) for one in conversations],
    }


def _conversation_view(world: World, conversation: Conversation) -> Json:
    first = {
        "id": conversation.source_id,
        "part_type": "source",
        "html": conversation.body,
        "text": text_of_html(conversation.body),
        "author": {"type": conversation.author.type, "name": conversation.author.name},
        "created_at": conversation.created_at,
        "assigned_to": None,
        "attachments": list(conversation.attachments),
        "redacted": conversation.source_redacted,
    }
    return {
        "id": conversation.id,
        "state": conversation.state,
        "source_type": conversation.source_type,
        "subject": text_of_html(conversation.subject),
        "contact": {
            "id": conversation.contact.id,
            "name": conversation.contact.name,
            "email": conversation.contact.email,
            "role": conversation.contact.role,
        },
        "assignee": _holding_word(conversation.holding),
        "admin_assignee_id": conversation.holding.admin_id,
        "team_assignee_id": conversation.holding.team_id,
        "assignee_name": _holding_name(world, conversation.holding),
        "updated_at": conversation.updated_at,
        "parts": [first] + [_part_view(world, part) for part in conversation.parts],
    }


def _part_view(world: World, part: Part) -> Json:
    return {
        "id": part.id,
        "part_type": part.part_type,
        "html": part.body or "",
        "text": text_of_html(part.body),
        "author": {
            "type": part.author.type,
            "id": part.author.id,
            "name": part.author.name,
            "is_bot_seat": _is_bot_seat(world, part),
        },
        "created_at": part.created_at,
        "assigned_to": _assignee_name(world, part.assigned_to) if part.assigned_to else None,
        "attachments": list(part.attachments),
        "redacted": part.redacted,
    }


def _is_bot_seat(world: World, part: Part) -> bool:
    if part.author.type != "admin":
        return False
    admin = world.admins.get(int(part.author.id))
    return admin is not None and admin.is_bot_seat


def _holding_word(holding: Holding) -> str:
    if holding.bot_id:
        return "fin"
    if holding.admin_id:
        return f"admin:{holding.admin_id}"
    return f"team:{holding.team_id}" if holding.team_id else "nobody"


def _holding_name(world: World, holding: Holding) -> str:
    if holding.bot_id:
        return world.fin.name or "Fin"
    if holding.admin_id:
        return world.admins[holding.admin_id].name
    return world.teams[holding.team_id].name if holding.team_id else "Unassigned"


def _assignee_name(world: World, assignee: Assignee) -> str:
    if assignee.type == "nobody_admin" or assignee.id is None:
        return "nobody"
    if assignee.type == "team":
        return world.team(assignee.id).name
    return world.fin.name or "Fin" if assignee.type == "bot" else world.admin(assignee.id).name


def notification_view(notification: Notification) -> Json:
    """Return what a test wants to know of a notification."""
    return {
        "id": notification.id,
        "topic": notification.topic,
        "conversation_id": notification.conversation_id,
        "part_id": notification.part_id,
        "attempt": notification.attempt,
    }


def delivery_view(delivery: Delivery) -> Json:
    """Return one attempt."""
    return {
        "id": delivery.notification_id,
        "topic": delivery.topic,
        "conversation_id": delivery.conversation_id,
        "part_id": delivery.part_id,
        "attempt": delivery.attempt,
        "status": delivery.status,
        "error": delivery.error,
        "seconds": round(delivery.seconds, 4),
        "outcome": delivery.outcome,
    }


def call_view(call: Call) -> Json:
    """Return one REST call."""
    return {
        "method": call.method,
        "path": call.path,
        "kind": call.kind,
        "body": call.body,
        "status": call.status,
        "fault": call.fault,
        "changed": call.changed,
        "seconds": round(call.seconds, 4),
        "at": call.at,
    }


def notifier_summary(notifier: Notifier) -> Json:
    """Return what the inbox page shows of the wire to the gateway."""
    log = list(notifier.log)
    delivered = sum(one.ok for one in log)
    return {
        "url": notifier.url,
        "disabled": notifier.disabled,
        "delivered": delivered,
        "failed": len(log) - delivered,
        "last_ok": log[-1].ok if log else None,
    }
