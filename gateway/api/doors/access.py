"""Doors to how people come in: operators added, passwords set, tokens made and revoked.

A call that answers with a secret takes no Idempotency-Key: its answer would be kept.
"""

from __future__ import annotations

from flask import Response, g, request

from gateway.api import trail
from gateway.api.callers import ADMINS, operator
from gateway.api.idempotency import Acted, act_once
from gateway.api.people import People
from gateway.api.rooms import Room
from gateway.api.schemas.access import (
    MyPasswordBody,
    NewOperatorBody,
    NewTokenSchema,
    PasswordBody,
    PasswordSetSchema,
    TokenListSchema,
    TokenSchema,
)
from gateway.api.schemas.acts import NothingBody
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.operators import OperatorSchema
from gateway.audit import Thing
from gateway.clock import to_micros
from gateway.errors import Conflict, Forbidden, NotAuthentic, NotFound
from gateway.people import editing, operators, passwords, signins, tokens
from gateway.people.signins import Caller
from gateway.rails.answers import Json, json_answer
from gateway.rails.parsing import checked_id
from gateway.reading.cursors import to_time
from gateway.store import Transaction
from gateway.wiring import Parts


def add_access_doors(room: Room, parts: Parts) -> None:
    """Add the doors: administrators', and the one to one's own password."""
    database, people = parts.database, People(parts)

    def set_password(operator_id: str, password: str, but: str | None) -> Response:
        now = to_micros(parts.clock.now())
        kept = passwords.hashed(password)  # takes its time, so nothing is locked meanwhile

        def act(db: Transaction) -> Acted:
            signins.set_password(db, operator_id, kept, but=but)
            body = {"id": operator_id, "message": "Password set"}
            return Acted(body=body, thing=Thing("operator", operator_id))

        # What was asked is kept as a plain hash: the password is no part of it.
        return act_once(database, operator().id, {}, now, parts.waker.wake, act)

    @room.door(
        "POST", "/operators",
        takes=NewOperatorBody, gives=OperatorSchema, status=201, roles=ADMINS, refuses=(404,),
    )  # fmt: skip
    def add_operator(body: Arguments) -> Response:
        """Add an operator; with a password they can sign in to the console"""
        for channel in body.get("links", {}):
            if channel not in parts.channels:
                raise NotFound(f"links: there is no channel {channel[:60]}")
        now, seen = to_micros(parts.clock.now()), people.seen()
        password = body.pop("password", None)
        kept = passwords.hashed(password) if password is not None else None
        said = {
            **body,
            **({"days_off": list(map(str, body["days_off"]))} if "days_off" in body else {}),
        }
        more = {name: value for name, value in body.items() if name not in _OF_A_NEW_ONE}

        def act(db: Transaction) -> Acted:
            new = operators.add(
                db, email=body["email"], name=body["name"], role=body["role"], now=now
            )
            if kept is not None:
                signins.set_password(db, new.id, kept)
            after = editing.edit(db, new.id, more, now).after
            return Acted(
                body=people.one(db, seen, new.id),
                status=201,
                after={"email": new.email, **after},
                thing=Thing("operator", new.id),
            )

        return act_once(database, operator().id, said, now, parts.waker.wake, act)

    @room.door(
        "PUT", "/operators/<operator_id>/password",
        takes=PasswordBody, gives=PasswordSetSchema, roles=ADMINS,
    )  # fmt: skip
    def set_operator_password(body: Arguments, operator_id: str) -> Response:
        """Set somebody's password; they are signed out everywhere"""
        operator_id = checked_id("opr", operator_id)
        but = operator().signin_id if operator_id == operator().id else None
        return set_password(operator_id, body["password"], but)

    @room.door("PUT", "/me/password", takes=MyPasswordBody, gives=PasswordSetSchema)
    def change_my_password(body: Arguments) -> Response:
        """Change one's own password; one is signed out everywhere else"""
        me = operator()
        caller = Caller(
            address=g.address,
            browser=request.headers.get("User-Agent", ""),
            request_id=g.request_id,
        )
        try:
            kept = parts.signins.check_password(me, body["current_password"], caller)
        except NotAuthentic as error:
            fields = {"current_password": [error.message]}
            raise Forbidden(error.message, details={"fields": fields}) from error
        if kept is None:
            raise Conflict("you have no password yet; an administrator sets the first one")
        return set_password(me.id, body["password"], me.signin_id)

    @room.door(
        "GET", "/operators/<operator_id>/tokens", gives=TokenListSchema, roles=ADMINS,
    )  # fmt: skip
    def list_tokens(operator_id: str) -> Response:
        """List an operator's API tokens, the newest first"""
        operator_id = checked_id("opr", operator_id)
        with database.read() as db:
            items = [_told(token) for token in tokens.of_operator(db, operator_id)]
        return json_answer({"items": items, "next_cursor": None})

    @room.door(
        "POST", "/operators/<operator_id>/tokens",
        takes=NothingBody, required=False, gives=NewTokenSchema, status=201, roles=ADMINS,
        secret=True,
    )  # fmt: skip
    def add_token(body: Arguments, operator_id: str) -> Response:
        """Make an API token that acts as an operator; it is shown just once"""
        operator_id = checked_id("opr", operator_id)
        now = to_micros(parts.clock.now())

        def act(db: Transaction) -> Json:
            known, token = tokens.make(db, operator_id, now)
            thing = Thing("token", known.id)
            trail.done(db, now=now, after={"operator_id": operator_id}, thing=thing)
            return {**_told(known), "token": token}

        return json_answer(database.write(act), 201)

    @room.door(
        "DELETE", "/operators/<operator_id>/tokens/<token_id>", gives=TokenSchema, roles=ADMINS,
    )  # fmt: skip
    def revoke_token(operator_id: str, token_id: str) -> Response:
        """Revoke an API token, at once and for good"""
        operator_id, token_id = checked_id("opr", operator_id), checked_id("tok", token_id)
        now = to_micros(parts.clock.now())

        def act(db: Transaction) -> Acted:
            known = tokens.revoke(db, operator_id, token_id, now)
            after = {"operator_id": operator_id}
            return Acted(body=_told(known), after=after, thing=Thing("token", token_id))

        return act_once(database, operator().id, {}, now, parts.waker.wake, act)


_OF_A_NEW_ONE = ("email", "name", "role")


def _told(token: tokens.Known) -> Json:
    return {
        "id": token.id,
        "created_at": to_time(token.created_at),
        "revoked_at": to_time(token.revoked_at) if token.revoked_at is not None else None,
    }
