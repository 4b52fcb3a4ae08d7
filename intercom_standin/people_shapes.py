"""Contacts, admins and teams as Intercom serialises them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from intercom_standin.records import Admin, Contact, Json, Team


def webhook_contact(contact: Contact, *, app_id: str) -> Json:
    """Return a contact item; observed: webhooks have ISO-8601 times where REST has seconds."""
    return _contact(contact, app_id=app_id) | {
        "created_at": _iso(contact.created_at),
        "updated_at": _iso(contact.updated_at),
    }


def webhook_contact_gone(contact: Contact, *, flag: str) -> Json:
    """Return the minimal item of contact.deleted and contact.archived (observed)."""
    return {"id": contact.id, "external_id": contact.external_id, "type": "contact", flag: True}


def webhook_contact_tag(contact: Contact, tag_id: str, name: str, *, app_id: str) -> Json:
    """Return the item of contact.*.tag.created and .deleted (observed)."""
    return {
        "type": "contact_tag",
        "tag": {"type": "tag", "id": tag_id, "name": name},
        "contact": webhook_contact(contact, app_id=app_id),
    }


def webhook_contact_subscribe(contact: Contact, mail_id: str, name: str, *, app_id: str) -> Json:
    """Return the item of contact.subscribed and .unsubscribed (observed, with an empty list)."""
    kind = {
        "type": "subscription",
        "id": mail_id,
        "default_translation": {"name": name, "description": "", "locale": "en"},
    }
    return {
        "type": "contact_subscribe",
        "contact": webhook_contact(contact, app_id=app_id),
        "subscription_types": {"type": "list", "data": [kind] if mail_id else []},
        "created_at": int(contact.updated_at),
    }


def rest_contact(contact: Contact, *, app_id: str) -> Json:
    """Return a contact as REST does, with Unix seconds."""
    return _contact(contact, app_id=app_id) | {
        "created_at": int(contact.created_at),
        "updated_at": int(contact.updated_at),
    }


def webhook_admin(admin: Admin, teams: list[Team]) -> Json:
    """Return an admin item; observed: its id is an int in admin.* webhooks."""
    return _admin(admin, teams) | {"id": admin.id, "away_status_reason": ""}


def rest_admin(admin: Admin, teams: list[Team]) -> Json:
    """Return an admin as REST does, with a string id."""
    return _admin(admin, teams) | {"id": str(admin.id)}


def rest_team(team: Team) -> Json:
    """Return a team."""
    return {
        "type": "team",
        "id": str(team.id),
        "name": team.name,
        "admin_ids": list(team.admin_ids),
        "distribution_method": "manual",
        "assignment_limit": None,
    }


def rest_me(
    admin: Admin, teams: list[Team], *, app_id: str, name: str, region: str, created_at: int
) -> Json:
    """Return GET /me: the token's owner and the workspace."""
    return rest_admin(admin, teams) | {
        "email_verified": True,
        "app": {
            "type": "app",
            "id_code": app_id,
            "name": name,
            "created_at": created_at,
            "secure": False,
            "identity_verification": False,
            "timezone": "Europe/Dublin",
            "region": region,
        },
    }


def _admin(admin: Admin, teams: list[Team]) -> Json:
    return {
        "type": "admin",
        "name": admin.name,
        "email": admin.email,
        "job_title": None,
        "away_mode_enabled": admin.away,
        "away_mode_reassign": admin.away_reassign,
        "has_inbox_seat": True,
        "team_ids": [team.id for team in teams if admin.id in team.admin_ids],
        "avatar": {"type": "avatar", "image_url": None},
    }


def _contact(contact: Contact, *, app_id: str) -> Json:
    def related(kind: str, ids: Iterable[str] = (), type_: str = "") -> Json:
        # Observed: ids without names.
        data = [{"id": id, "type": type_, "url": f"/{kind}/{id}"} for id in ids]
        return {
            "type": "list",
            "data": data,
            "url": f"/contacts/{contact.id}/{kind}",
            "total_count": len(data),
            "has_more": False,
        }

    def chosen(on: bool) -> Json:
        ids = [id for id, (_, gets) in contact.mail.items() if gets is on]
        return related("subscriptions", ids, "subscription")

    return {
        "type": "contact",
        "id": contact.id,
        "workspace_id": app_id,
        "external_id": contact.external_id,
        "role": contact.role,
        "email": contact.email,
        "phone": contact.phone,
        "name": contact.name,
        "avatar": None,
        "owner_id": None,
        "social_profiles": {"type": "list", "data": []},
        "has_hard_bounced": False,
        "marked_email_as_spam": False,
        "unsubscribed_from_emails": contact.no_mail,
        "signed_up_at": None,
        "last_seen_at": None,
        "last_replied_at": None,
        "last_contacted_at": None,
        "language_override": None,
        "browser": None,
        "browser_language": None,
        "os": None,
        "location": {
            "type": "location",
            "country": None,
            "region": None,
            "city": None,
            "country_code": None,
            "continent_code": None,
        },
        "custom_attributes": dict(contact.custom_attributes),
        "tags": related("tags", contact.tags, "tag"),
        "notes": related("notes"),
        "companies": related("companies"),
        "opted_out_subscription_types": chosen(False),
        "opted_in_subscription_types": chosen(True),
        "referrer": None,
        "sms_consent": False,
        "unsubscribed_from_sms": False,
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
