"""Doors to customers: look at one, edit it, verify, join with another one, split again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, request

from gateway import audit
from gateway.api.callers import operator, refusal
from gateway.api.etags import require_match, tagged_answer, with_etag
from gateway.api.idempotency import Acted, act_once
from gateway.api.rooms import Room
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.contacts import (
    CardPageSchema,
    CardSchema,
    ContactBody,
    ContactChangePageSchema,
    ContactPushListSchema,
    ContactsQuery,
    DismissedSchema,
    OtherContactBody,
    SplitBody,
    SplitSchema,
    SuggestionPageSchema,
    VerifyBody,
)
from gateway.api.schemas.pages import PageQuery
from gateway.api.schemas.sessions import SessionPageSchema
from gateway.clock import to_micros
from gateway.contacts import cards, editing, joins, progress
from gateway.contacts.details import Source, checked
from gateway.contacts.pushing import Takers, takers_of
from gateway.contacts.trees import Tree, standing_of
from gateway.conversations.doors import MAY_ACT
from gateway.errors import NotFound, Unreadable
from gateway.rails.answers import Json, json_answer
from gateway.rails.parsing import Invalid, checked_id
from gateway.reading.cursors import from_cursor, to_cursor
from gateway.reading.sessions import SessionFilter, find_sessions
from gateway.store import Transaction
from gateway.wiring import Parts

Work = Callable[[Transaction, Source, int], Acted]


def add_contact_doors(room: Room, parts: Parts) -> None:
    """Add the doors; every role looks, operators and admins act."""
    database = parts.database

    def takers() -> Takers:
        """The channels, as they are now, that are told what people say of a customer."""
        return takers_of(parts.terms.values())

    def act(arguments: Json, work: Work) -> Response:
        now = to_micros(parts.clock.now())
        who = operator()
        source = Source(kind="operator", id=who.id, name=who.name)

        def once(db: Transaction) -> Acted:
            return work(db, source, now)

        return act_once(database, who.id, arguments, now, parts.waker.wake, once)

    @room.door("GET", "/contacts", takes=ContactsQuery, gives=CardPageSchema)
    def list_contacts(query: Arguments) -> Response:
        """List customers of whom something is known, the newest first"""
        with database.read() as db:
            return _page(
                cards.find_contacts(db, query.get("q"), limit=query["limit"], after=_after(query))
            )

    @room.door("GET", "/contacts/<contact_id>", gives=CardSchema, tagged=True)
    def get_contact(contact_id: str) -> Response:
        """Get one customer, or the one that stands for it since the two were joined"""
        contact_id = checked_id("con", contact_id)
        with database.read() as db:
            return _located(tagged_answer(cards.find_contact(db, contact_id)), contact_id)

    @room.door(
        "PATCH", "/contacts/<contact_id>", takes=ContactBody, gives=CardSchema,
        roles=MAY_ACT, tagged=True, guarded=True,
    )  # fmt: skip
    def edit_contact(body: Arguments, contact_id: str) -> Response:
        """Edit a customer's details; null takes one away"""
        contact_id = checked_id("con", contact_id)
        given = _given(body)

        def work(db: Transaction, source: Source, now: int) -> Acted:
            tree = editing.open_contact(db, contact_id)
            was = _card(db, tree)
            require_match(was)
            owed = editing.edit(db, tree, given, source, now, takers())
            return _changed(was, cards.find_contact(db, tree.id), owed)

        # The same call against another state is another call.
        arguments = {**body, "If-Match": request.headers.get("If-Match")}
        return with_etag(_located(act(arguments, work), contact_id))

    @room.door(
        "POST", "/contacts/<contact_id>/verify", takes=VerifyBody, gives=CardSchema, roles=MAY_ACT
    )
    def verify_contact(body: Arguments, contact_id: str) -> Response:
        """Mark the detail that is shown as verified"""
        contact_id = checked_id("con", contact_id)

        def work(db: Transaction, source: Source, now: int) -> Acted:
            tree = editing.open_contact(db, contact_id)
            was = _card(db, tree)
            owed = editing.verify(
                db, tree, body["detail"], source, now, body.get("value"), takers()
            )
            return _changed(was, cards.find_contact(db, tree.id), owed)

        return act(body, work)

    @room.door("POST", "/contacts/<contact_id>/send", gives=CardSchema, roles=MAY_ACT)
    def send_contact(contact_id: str) -> Response:
        """Send what people said of a customer once more to channels that say otherwise"""
        contact_id = checked_id("con", contact_id)

        def work(db: Transaction, source: Source, now: int) -> Acted:
            tree = editing.open_contact(db, contact_id)
            owed = editing.send_again(db, tree, takers(), now)
            return Acted(body=cards.find_contact(db, tree.id), owed={"sync"} if owed else set())

        return act({}, work)

    @room.door("GET", "/contacts/<contact_id>/pushes", gives=ContactPushListSchema)
    def list_contact_pushes(contact_id: str) -> Response:
        """List what became of edits that channels were owed, the newest of each detail"""
        contact_id = checked_id("con", contact_id)
        with database.read() as db:
            items = progress.find_progress(db, contact_id)
        return json_answer({"items": items, "next_cursor": None})

    @room.door(
        "POST", "/contacts/<contact_id>/merge", takes=OtherContactBody, gives=CardSchema,
        roles=MAY_ACT,
    )  # fmt: skip
    def merge_contact(body: Arguments, contact_id: str) -> Response:
        """Join another contact into this one; it can be undone"""
        contact_id = checked_id("con", contact_id)
        other_id = checked_id("con", body["contact_id"])

        def work(db: Transaction, source: Source, now: int) -> Acted:
            join_id = editing.merge(db, contact_id, other_id, source, now)
            card = cards.find_contact(db, contact_id)
            return Acted(body=card, after={"joined": other_id, "join_id": join_id})

        return act(body, work)

    @room.door(
        "POST", "/contacts/<contact_id>/split", takes=SplitBody, gives=SplitSchema, roles=MAY_ACT
    )
    def split_contact(body: Arguments, contact_id: str) -> Response:
        """Undo a join: both are what they would be without it"""
        contact_id = checked_id("con", contact_id)
        join_id = checked_id("jon", body["join_id"])

        def work(db: Transaction, source: Source, now: int) -> Acted:
            tree = editing.open_contact(db, contact_id)
            if join_id not in {edge.id for edge in joins.standing_joins(db, tree.members)}:
                raise NotFound("this contact has no such join; it may have been undone already")
            stays, free = joins.undo(db, join_id, source=source, now=now)
            body = {
                "contact": cards.find_contact(db, stays),
                "split_off": cards.find_contact(db, free),
            }
            return Acted(body=body, before={"joined": free, "join_id": join_id})

        return act(body, work)

    @room.door(
        "GET", "/contacts/<contact_id>/history", takes=PageQuery, gives=ContactChangePageSchema
    )
    def list_contact_history(query: Arguments, contact_id: str) -> Response:
        """List what changed about a customer, who changed it and from where, the newest first"""
        contact_id = checked_id("con", contact_id)
        with database.read() as db:
            return _page(
                cards.find_history(db, contact_id, limit=query["limit"], after=_after(query))
            )

    @room.door(
        "GET", "/contacts/<contact_id>/suggestions", takes=PageQuery, gives=SuggestionPageSchema
    )
    def list_contact_suggestions(query: Arguments, contact_id: str) -> Response:
        """List contacts that may be the same person, the newest first"""
        contact_id = checked_id("con", contact_id)
        with database.read() as db:
            return _page(
                cards.find_suggestions(db, contact_id, limit=query["limit"], after=_after(query))
            )

    @room.door(
        "POST", "/contacts/<contact_id>/suggestions/dismiss", takes=OtherContactBody,
        gives=DismissedSchema, roles=MAY_ACT,
    )  # fmt: skip
    def dismiss_contact_suggestion(body: Arguments, contact_id: str) -> Response:
        """Do not suggest these two as one person again"""
        contact_id = checked_id("con", contact_id)
        other_id = checked_id("con", body["contact_id"])

        def work(db: Transaction, source: Source, now: int) -> Acted:
            editing.dismiss(db, contact_id, other_id, source, now)
            return Acted(body={"message": "Suggestion dismissed"}, after={"dismissed": other_id})

        return act(body, work)

    @room.door("GET", "/contacts/<contact_id>/sessions", takes=PageQuery, gives=SessionPageSchema)
    def list_contact_sessions(query: Arguments, contact_id: str) -> Response:
        """List a customer's sessions across channels, the newest first"""
        contact_id = checked_id("con", contact_id)
        with database.read() as db:
            wanted = SessionFilter(contact=standing_of(db, [contact_id])[contact_id])
            page = find_sessions(
                db, wanted, refusal=refusal, limit=query["limit"], cursor=query.get("cursor")
            )
        return json_answer(page.to_json())


def _given(body: Arguments) -> Json:
    """The details that a body names, in their normal form; raise Invalid, naming each at fault."""
    named = {name: value for name, value in body.items() if name != "custom"}
    named |= {f"custom.{name}": value for name, value in body.get("custom", {}).items()}
    given, wrong = {}, {}
    for name, value in named.items():
        try:
            given[name] = checked(name, value)
        except Unreadable as error:
            wrong[name] = [error.message]
    if wrong:
        listed = "; ".join(said for [said] in wrong.values())
        raise Invalid(listed, details={"fields": wrong})
    return given


def _card(db: Transaction, tree: Tree) -> Json:
    return cards.to_json(db, {tree.id: tree})[tree.id]


def _changed(was: Json, card: Json, owed: bool) -> Acted:
    before, after = audit.changes(_state(was), _state(card))
    return Acted(body=card, before=before, after=after, owed={"sync"} if owed else set())


def _state(card: Json) -> Json:
    """What a contact shows, and how sure that is, for the audit."""
    custom = {f"custom.{name}": found for name, found in card["custom"].items()}
    return {
        "id": card["id"],
        **{
            name: {"value": found["value"], "level": found["level"]}
            for name, found in {**card["details"], **custom}.items()
            if found is not None
        },
    }


def _located(answer: Response, contact_id: str) -> Response:
    """Say where the contact is that stands for the one that was asked for."""
    body: Any = answer.get_json(silent=True)
    if answer.status_code < 300 and body and body["id"] != contact_id:
        answer.headers["Content-Location"] = f"/api/v1/contacts/{body['id']}"
    return answer


def _after(query: Arguments) -> tuple[int, str] | None:
    if query.get("cursor") is None:
        return None
    at, id = from_cursor(query["cursor"], (int, str))
    return int(at), str(id)


def _page(found: cards.Found) -> Response:
    following = to_cursor(found.last) if found.last else None
    return json_answer({"items": list(found.items), "next_cursor": following})
