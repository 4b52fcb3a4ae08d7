"""Doors for demos and for browser tests in another process; everything the Python API does.

All are JSON; a POST needs `Content-Type: application/json` (a page elsewhere cannot send that).
Errors are {"error": {"code", "message"}} with 400 or 404. `to` is "admin:ID", "team:ID",
"nobody", "bot" or "fin"; `by` is an admin's id or "fin".

    GET  /_standin/state[?since=REVISION]   all there is; {"unchanged": true} if nothing changed
    GET  /_standin/conversations/ID         one conversation as REST shows it
    POST /_standin/customer/start           {text, contact_id? | name?, email?, external_id?,
                                             source_type?, subject?}
    POST /_standin/customer/reply           {conversation_id, text}
    POST /_standin/customer/read            {conversation_id}
    POST /_standin/attach|detach            {conversation_id, contact_id}
    POST /_standin/admin/reply|note         {conversation_id, by, text}
    POST /_standin/admin/start              {by, text, contact_id}
    POST /_standin/admin/away               {by, away, reassign?}
    POST /_standin/assign                   {conversation_id, to, by?}
    POST /_standin/close|open|snooze|unsnooze   {conversation_id, by, until? (snooze)}
    POST /_standin/fin                      {conversation_id, text}
    POST /_standin/redact                   {conversation_id, part_id}
    POST /_standin/delete                   {conversation_id}
    POST /_standin/contacts/add             {name?, email?, phone?, external_id?, role?}
    POST /_standin/contacts/update          {contact_id, name?, email?, phone?, …}
    POST /_standin/contacts/merge           {lead_id, into_id}
    POST /_standin/contacts/tag|subscribe   {contact_id, name, on?}
    POST /_standin/contacts/archive|unarchive|delete  {contact_id}
        (all of these answer {conversation_id, contact_id, part_id, topics})
    GET, POST /_standin/faults              POST {kind, where?, count?, probability?, seconds?}
    POST /_standin/faults/clear|release_late
    GET  /_standin/notifications            {mode, url, disabled, pending, retries, dropped, log}
    POST /_standin/notify_url               {url}; null: tell nobody
    POST /_standin/notifier                 {mode?, echo_before_return?, enable?, topics?}
    POST /_standin/deliver                  {what?: "pending" | "retries"}
    POST /_standin/ping|head_check|uninstall|health
    GET  /_standin/requests                 REST calls made to the stand-in
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from intercom_standin import shapes
from intercom_standin.control_views import (
    call_view,
    delivery_view,
    notification_view,
    notifier_summary,
    state_view,
)
from intercom_standin.ledger import NotAllowed, NotThere, Taken
from intercom_standin.records import Json, Outcome

if TYPE_CHECKING:
    from intercom_standin.server import StandIn


def control_doors(standin: StandIn) -> Blueprint:
    """Return the blueprint."""
    doors = Blueprint("control", __name__)
    world, notifier, faults = standin.world, standin.notifier, standin.faults

    @doors.before_request
    def only_json() -> Response | None:
        # Browsers send JSON across sites only after a preflight, which is never granted.
        if request.method == "POST" and not request.is_json:
            return _refusal(415, "bad_request", "Content-Type must be application/json")
        return None

    @doors.errorhandler(NotThere)
    def not_there(error: NotThere) -> Response:
        return _refusal(404, error.code, str(error))

    @doors.errorhandler(NotAllowed)
    def not_allowed(error: NotAllowed) -> Response:
        return _refusal(400, error.code, str(error))

    @doors.errorhandler(Taken)
    def taken(error: Taken) -> Response:
        return _refusal(409, error.code, str(error))

    @doors.errorhandler(KeyError)
    @doors.errorhandler(ValueError)
    @doors.errorhandler(TypeError)
    def malformed(error: Exception) -> Response:
        return _refusal(400, "parameter_invalid", f"missing or wrong: {error}")

    @doors.get("/state")
    def state() -> Response:
        since = request.args.get("since")
        with world.lock:
            if since is not None and since == str(world.revision):
                shown = {"unchanged": True, "revision": world.revision}
            else:
                shown = state_view(world)
        return jsonify(shown | {"notifier": notifier_summary(notifier)})

    @doors.get("/conversations/<conversation_id>")
    def conversation(conversation_id: str) -> Response:
        found = world.snapshot(conversation_id)
        return jsonify(
            shapes.rest_conversation(found, version=world.version, unassigned=world.rest_unassigned)
        )

    def operation(path: str, act: Callable[[Json], Outcome]) -> None:
        def view() -> Response:
            return jsonify(_told(act(_body())))

        doors.add_url_rule(path, endpoint=path.strip("/"), view_func=view, methods=["POST"])

    operation("/customer/start", lambda b: world.customer_starts(**b))
    operation(
        "/customer/reply",
        lambda b: world.customer_replies(b["conversation_id"], b["text"]),
    )
    operation("/customer/read", lambda b: world.customer_reads(b["conversation_id"]))
    operation("/attach", lambda b: world.attach_contact(b["conversation_id"], b["contact_id"]))
    operation("/detach", lambda b: world.detach_contact(b["conversation_id"], b["contact_id"]))
    operation(
        "/admin/reply",
        lambda b: world.admin_replies(b["conversation_id"], b["by"], b["text"]),
    )
    operation(
        "/admin/note",
        lambda b: world.admin_notes(b["conversation_id"], b["by"], b["text"]),
    )
    operation(
        "/admin/start",
        lambda b: world.admin_starts(b["by"], b["text"], contact_id=b["contact_id"]),
    )
    operation(
        "/admin/away",
        lambda b: world.set_away(b["by"], away=bool(b["away"]), reassign=bool(b.get("reassign"))),
    )
    operation("/assign", lambda b: world.assign(b["conversation_id"], b["to"], by=b.get("by")))
    operation("/close", lambda b: world.close(b["conversation_id"], b["by"]))
    operation("/open", lambda b: world.open(b["conversation_id"], b["by"]))
    operation(
        "/snooze",
        lambda b: world.snooze(b["conversation_id"], b["by"], until=b.get("until")),
    )
    operation("/unsnooze", lambda b: world.unsnooze(b["conversation_id"], b.get("by", "fin")))
    operation("/fin", lambda b: world.fin_writes(b["conversation_id"], b["text"]))
    operation("/redact", lambda b: world.redact(b["conversation_id"], b["part_id"]))
    operation("/delete", lambda b: world.delete_conversation(b["conversation_id"]))
    operation("/contacts/add", lambda b: world.add_contact(**b))
    operation("/contacts/update", lambda b: world.update_contact(b.pop("contact_id"), **b))
    operation("/contacts/merge", lambda b: world.merge_contacts(b["lead_id"], b["into_id"]))
    operation("/contacts/archive", lambda b: world.archive_contact(b["contact_id"]))
    operation("/contacts/unarchive", lambda b: world.unarchive_contact(b["contact_id"]))
    operation("/contacts/tag", lambda b: world.tag_contact(b.pop("contact_id"), **b))
    operation("/contacts/subscribe", lambda b: world.subscribe_contact(b.pop("contact_id"), **b))
    operation("/contacts/delete", lambda b: world.delete_contact(b["contact_id"]))

    @doors.get("/faults")
    def list_faults() -> Response:
        return jsonify({"items": [asdict(fault) for fault in faults.active()]})

    @doors.post("/faults")
    def add_fault() -> Response:
        body = _body()
        return jsonify(asdict(faults.add(body.pop("kind"), **body)))

    @doors.post("/faults/clear")
    def clear_faults() -> Response:
        faults.clear()
        return jsonify({})

    @doors.post("/faults/release_late")
    def release_late() -> Response:
        return jsonify({"released": faults.release_late()})

    @doors.get("/notifications")
    def notifications() -> Response:
        return jsonify(
            {
                "mode": notifier.mode,
                "url": notifier.url,
                "disabled": notifier.disabled,
                "echo_before_return": notifier.echo_before_return,
                "pending": [notification_view(one) for one in notifier.pending],
                "retries": [notification_view(one) for one in notifier.retries],
                "dropped": [notification_view(one) for one in notifier.dropped],
                "log": [delivery_view(one) for one in notifier.log],
            }
        )

    @doors.post("/notify_url")
    def notify_url() -> Response:
        url = _body()["url"]
        if url is not None and not str(url).startswith(("http://", "https://")):
            raise ValueError("url")
        notifier.url = url
        return jsonify({"url": url})

    @doors.post("/notifier")
    def set_notifier() -> Response:
        body = _body()
        if "mode" in body:
            if body["mode"] not in ("auto", "manual"):
                raise ValueError("mode")
            notifier.mode = body["mode"]
        if "echo_before_return" in body:
            notifier.echo_before_return = bool(body["echo_before_return"])
        if "topics" in body:
            notifier.topics = None if body["topics"] is None else set(body["topics"])
        if body.get("enable"):
            notifier.enable()
        return jsonify({"mode": notifier.mode, "disabled": notifier.disabled})

    @doors.post("/deliver")
    def deliver() -> Response:
        retries = _body().get("what") == "retries"
        done = notifier.deliver_retries() if retries else notifier.deliver_pending()
        return jsonify({"items": [delivery_view(one) for one in done]})

    @doors.post("/ping")
    def ping() -> Response:
        return jsonify(delivery_view(notifier.ping()))

    @doors.post("/head_check")
    def head_check() -> Response:
        return jsonify({"status": notifier.head_check()})

    @doors.post("/uninstall")
    def uninstall() -> Response:
        return jsonify({"status": notifier.uninstall()})

    @doors.post("/health")
    def health() -> Response:
        return jsonify({"status": notifier.health()})

    @doors.get("/requests")
    def calls() -> Response:
        return jsonify({"items": [call_view(one) for one in standin.requests]})

    return doors


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if body is None and not request.data:
        return {}
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


def _told(outcome: Outcome) -> Json:
    return {
        "conversation_id": outcome.conversation.id if outcome.conversation else None,
        "contact_id": outcome.contact.id if outcome.contact else None,
        "part_id": outcome.part.id if outcome.part else None,
        "topics": outcome.topics,
    }


def _refusal(status: int, code: str, message: str) -> Response:
    answer = jsonify({"error": {"code": code, "message": message}})
    answer.status_code = status
    return answer
