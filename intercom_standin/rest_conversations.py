"""REST doors of conversations: read, search, reply, note, assign, close, open, snooze."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from intercom_standin import search, shapes, versions
from intercom_standin.faults import Faults
from intercom_standin.gate import ApiError, Call, Gate
from intercom_standin.ledger import NotThere
from intercom_standin.records import Conversation, Json, Outcome
from intercom_standin.world import World

_PART_KINDS = {"assignment": "assign", "close": "close", "open": "open", "snoozed": "snooze"}


def _reply_kind(body: Json) -> str:
    return "note" if body.get("message_type") == "note" else "reply"


def _part_kind(body: Json) -> str:
    return _PART_KINDS.get(str(body.get("message_type")), "parts")


def conversation_doors(world: World, gate: Gate, faults: Faults) -> Blueprint:
    """Return the blueprint."""
    doors = Blueprint("conversations", __name__)

    def shown(call: Call, conversation: Conversation, plain: bool = False) -> Json:
        return shapes.rest_conversation(
            conversation, version=call.version, unassigned=world.rest_unassigned, plain=plain
        )

    def listed(call: Call, conversation: Conversation) -> Json:
        return shapes.rest_conversation_without_parts(
            conversation, version=call.version, unassigned=world.rest_unassigned
        )

    def changed(call: Call, outcome: Outcome) -> Json:
        assert outcome.conversation is not None
        return shown(call, outcome.conversation)

    @doors.get("/conversations/<conversation_id>")
    @gate.door("get")
    def find(call: Call, conversation_id: str) -> Json:
        plain = call.query.get("display_as") == "plaintext"
        conversation = world.snapshot(conversation_id)
        if faults.draw("stale_assignee", "get"):
            conversation.holding = conversation.holding_before
        return shown(call, conversation, plain)

    @doors.get("/conversations")
    @gate.door("list")
    def list_all(call: Call) -> Json:
        return _page(
            call,
            {},
            call.query.get("per_page"),
            call.query.get("starting_after"),
            True,
            "updated_at",
        )

    @doors.post("/conversations/search")
    @gate.door("search")
    def search_for(call: Call) -> Json:
        body = call.body or {}
        query, paging, sort = body.get("query"), body.get("pagination"), body.get("sort")
        if not isinstance(query, dict):
            raise ApiError(400, "parameter_missing", "query is required")
        search.check(query)
        paging = paging if isinstance(paging, dict) else {}
        sort = sort if isinstance(sort, dict) else {}
        descending = sort.get("order") != "ascending"
        by = str(sort.get("field") or "updated_at")
        return _page(
            call, query, paging.get("per_page"), paging.get("starting_after"), descending, by
        )

    def _page(
        call: Call, query: Json, per_page: Any, after: Any, descending: bool, by: str
    ) -> Json:
        matches = search.matcher(query, search.conversation_field) if query else None
        sorted_by = search.conversation_field(by)
        with world.lock:
            found = [one for one in world.conversations.values() if matches is None or matches(one)]
            items, pages = search.page_of(
                found,
                key=lambda one: (sorted_by(one) or 0, int(one.id)),
                per_page=per_page,
                starting_after=after,
                descending=descending,
            )
            items = [one.copy() for one in items]
        return {
            "type": "conversation.list",
            "pages": pages,
            "total_count": len(found),
            "conversations": [listed(call, one) for one in items],
        }

    @doors.get("/conversations/deleted")
    @gate.door("deleted")
    def list_deleted(call: Call) -> Json:
        if not versions.lists_deleted_conversations(call.version):
            message = "Requested resource is not available in current API version."
            raise ApiError(400, "intercom_version_invalid", message)
        page = _number(call.query.get("page"), 1, 1_000_000)
        size = _number(call.query.get("per_page"), 20, 60)
        order = "asc" if call.query.get("order") == "asc" else "desc"
        with world.lock:
            gone = list(world.deleted)
        gone.sort(key=lambda one: (one[1], int(one[0])), reverse=order == "desc")
        total_pages = max(1, -(-len(gone) // size))
        following = f"{request.base_url}?per_page={size}&order={order}&page={page + 1}"
        return {
            "type": "conversations.list",
            "conversations": [
                {"id": one, "type": "conversation", "deleted_at": at, "metrics_retained": True}
                for one, at in gone[(page - 1) * size : page * size]
            ],
            "pages": {
                "type": "pages",
                "page": page,
                "per_page": size,
                "total_pages": total_pages,
                "next": following if page < total_pages else None,
            },
            "total_count": len(gone),
        }

    @doors.post("/conversations/<conversation_id>/reply")
    @gate.door(_reply_kind, effect=True)
    def reply(call: Call, conversation_id: str) -> Json:
        body = call.body or {}
        conversation_id = _resolved(world, conversation_id, body)
        attachments = _attachments(body)
        if body.get("type") == "user":
            text = _text(body)
            world.conversation(conversation_id)
            return changed(
                call, world.customer_replies(conversation_id, text, attachments=attachments)
            )
        actor = _actor(world, body)
        if body.get("message_type") == "note":
            return changed(
                call, world.admin_notes(conversation_id, actor, _text(body), via_api=True)
            )
        if body.get("message_type") != "comment":
            raise ApiError(400, "parameter_invalid", "message_type must be comment or note")
        return changed(
            call,
            world.admin_replies(
                conversation_id, actor, _text(body), attachments=attachments, via_api=True
            ),
        )

    @doors.post("/conversations/<conversation_id>/parts")
    @gate.door(_part_kind, effect=True)
    def manage(call: Call, conversation_id: str) -> Json:
        body = call.body or {}
        kind = body.get("message_type")
        world.snapshot(conversation_id)
        actor = _actor(world, body)
        if kind == "assignment":
            to = _assignee(body)
            return changed(call, world.assign(conversation_id, to, by=actor, via_api=True))
        if kind == "close":
            text = str(body.get("body") or "")
            return changed(call, world.close(conversation_id, actor, text=text, via_api=True))
        if kind == "open":
            return changed(call, world.open(conversation_id, actor, via_api=True))
        if kind == "snoozed":
            until = body.get("snoozed_until")
            if not str(until).isdigit():
                raise ApiError(400, "parameter_missing", "snoozed_until is required")
            return changed(
                call, world.snooze(conversation_id, actor, until=int(str(until)), via_api=True)
            )
        raise ApiError(400, "parameter_invalid", "message_type is not known")

    @doors.put("/conversations/<conversation_id>")
    @gate.door("update", effect=True)
    def update(call: Call, conversation_id: str) -> Json:
        body = call.body or {}
        with world.changing() as change:
            conversation = change.conversation = world.conversation(conversation_id)
            if isinstance(body.get("custom_attributes"), dict):
                conversation.custom_attributes |= body["custom_attributes"]
            if "title" in body:
                conversation.title = str(body["title"] or "")
            if "read" in body:
                conversation.read = bool(body["read"])
            conversation.updated_at = world.now()
        return changed(call, change.outcome())

    @doors.post("/conversations/redact")
    @gate.door("redact", effect=True)
    def redact(call: Call) -> Json:
        body = call.body or {}
        return changed(
            call,
            world.redact(str(body.get("conversation_id")), str(body.get("conversation_part_id"))),
        )

    return doors


def _actor(world: World, body: Json) -> str:
    admin_id = body.get("admin_id")
    if admin_id in (None, ""):
        raise ApiError(400, "parameter_missing", "admin_id is required")
    # Vendor rule (intercom-ruby #433): a team's id as the actor is 404.
    return str(world.admin(str(admin_id)).id)


def _assignee(body: Json) -> str:
    assignee_id, kind = body.get("assignee_id"), body.get("type")
    if assignee_id in (None, "") or kind not in ("admin", "team"):
        raise ApiError(400, "parameter_missing", "type and assignee_id are required")
    if str(assignee_id) == "0":
        return "nobody"  # Vendor rule: "0" unassigns.
    return f"{kind}:{assignee_id}"


def _text(body: Json) -> str:
    text = body.get("body")
    if text is not None and not isinstance(text, str):
        raise ApiError(400, "parameter_invalid", "body must be a string")
    return text or ""


def _attachments(body: Json) -> list[Json]:
    urls = body.get("attachment_urls") or []
    if not isinstance(urls, list) or len(urls) > 10:
        # Vendor rule: at most 10.
        raise ApiError(400, "parameter_invalid", "attachment_urls is a list of at most 10")
    return [
        {
            "type": "upload",
            "name": str(url).rsplit("/", 1)[-1],
            "url": str(url),
            "content_type": "application/octet-stream",
            "filesize": 0,
            "width": None,
            "height": None,
        }
        for url in urls
    ]


def _resolved(world: World, conversation_id: str, body: Json) -> str:
    if conversation_id != "last":
        world.snapshot(conversation_id)
        return conversation_id
    contact_id = str(body.get("intercom_user_id"))
    with world.lock:
        theirs = [c for c in world.conversations.values() if c.contact.id == contact_id]
    if not theirs:
        raise NotThere("not_found", "Resource Not Found")
    return max(theirs, key=lambda one: int(one.id)).id


def _number(given: str | None, default: int, most: int) -> int:
    if not given:
        return default
    if not given.isdigit() or not 1 <= int(given) <= most:
        raise ApiError(400, "parameter_invalid", f"a number from 1 to {most} is needed")
    return int(given)
