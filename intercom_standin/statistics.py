"""A conversation's `statistics`, worked out from its parts."""

from __future__ import annotations

from datetime import UTC, datetime

from intercom_standin.records import Conversation, Json, Part

_CUSTOMER = ("user", "lead", "contact")


def statistics(conversation: Conversation, *, iso: bool) -> Json:
    """Return the statistics, their `*_at` as ISO strings (webhooks up to 2.14) or Unix seconds."""

    def at(seconds: int | None) -> str | int | None:
        if seconds is None or not iso:
            return seconds
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def since(seconds: int | None) -> int | None:
        return None if seconds is None else seconds - conversation.created_at

    from_customer = [p.created_at for p in conversation.parts if _speaks(p, _CUSTOMER)]
    if conversation.delivered_as == "customer_initiated":
        from_customer.insert(0, conversation.created_at)
    from_admin = [p.created_at for p in conversation.parts if _speaks(p, ("admin",))]
    assigned = [
        p.created_at
        for p in conversation.parts
        if p.assigned_to is not None and p.assigned_to.type != "nobody_admin"
    ]
    closes = [p for p in conversation.parts if p.part_type == "close"]
    closed = [p.created_at for p in closes]
    closer = closes[-1].author.id if closes else None
    return {
        "type": "conversation_statistics",
        "time_to_assignment": since(_first(assigned)),
        "time_to_admin_reply": since(_first(from_admin)),
        "time_to_first_close": since(_first(closed)),
        "time_to_last_close": since(_last(closed)),
        "median_time_to_reply": since(_first(from_admin)),
        "first_contact_reply_at": at(_first(from_customer)),
        "first_assignment_at": at(_first(assigned)),
        "first_admin_reply_at": at(_first(from_admin)),
        "first_close_at": at(_first(closed)),
        "last_assignment_at": at(_last(assigned)),
        "last_assignment_admin_reply_at": at(_last(from_admin)),
        "last_contact_reply_at": at(_last(from_customer)),
        "last_admin_reply_at": at(_last(from_admin)),
        "last_close_at": at(_last(closed)),
        "last_closed_by_id": int(closer) if closer and closer.isdigit() else closer,
        "count_reopens": sum(
            p.part_type in ("open", "assign_and_reopen") for p in conversation.parts
        ),
        "count_assignments": len(assigned),
        "count_conversation_parts": len(conversation.parts) + 1,
        "assigned_team_first_response_time": [],
        "assigned_team_first_response_time_in_office_hours": [],
        "handling_time": None,
    }


def _speaks(part: Part, author_types: tuple[str, ...]) -> bool:
    return bool(part.body) and part.part_type != "note" and part.author.type in author_types


def _first(times: list[int]) -> int | None:
    return times[0] if times else None


def _last(times: list[int]) -> int | None:
    return times[-1] if times else None
