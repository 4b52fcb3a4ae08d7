"""Payloads that look like no other: internal dumps that Intercom sends as they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from intercom_standin import people_shapes
from intercom_standin.records import Author, Contact, Conversation, Json

_INTERNAL_APP_ID = 1_104_417


def contact_moved(
    conversation: Conversation, contact: Contact, by: Author, *, app_id: str, part_id: str, at: int
) -> Json:
    """Return the item of conversation.contact.attached and .detached.

    Observed in January 2026: no `type`, ids as ints, `data` of a part is a JSON *string*.
    """
    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    told = {
        "added_by": {"type": by.type, "id": int(by.id), "name": by.name, "email": by.email},
        "participant": {"type": contact.role, "id": contact.id, "name": contact.name},
        "state": f"state_{conversation.state}",
    }
    return {
        "conversation": {
            "parts": [
                {
                    "id": int(part_id),
                    "app_id": _INTERNAL_APP_ID,
                    "conversation_id": int(conversation.id),
                    "body": "",
                    "created_at": when,
                    "updated_at": when,
                    "owner_id": int(by.id),
                    "admin_only": False,
                    "assignee_id": None,
                    "json_blocks": "[]",
                    "data": json.dumps(told),
                }
            ],
            "options": {"expand_for_notification": True},
            "model": {
                "app_id": _INTERNAL_APP_ID,
                "id": int(conversation.id),
                "user_id": conversation.contact.id,
                "message_id": int(conversation.source_id),
                "created_at": when,
                "updated_at": when,
                "message_type": conversation.source_type,
                "read": conversation.read,
                "deleted": False,
            },
        },
        "contact": people_shapes.webhook_contact(contact, app_id=app_id),
    }
