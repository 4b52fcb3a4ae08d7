"""Who calls: an API token acts as its operator, with that operator's role."""

from __future__ import annotations

from collections.abc import Callable

from flask import g, request

from gateway.conversations.doors import Caller, handover_refusal
from gateway.errors import Forbidden, NotAuthentic
from gateway.people.operators import Operator, Role, authenticate
from gateway.store import Database

ADMINS: tuple[Role, ...] = ("admin",)
MAY_ACT: tuple[Role, ...] = ("admin", "operator")
"""Roles that a door may be kept for (`Room.door`)."""

_LONGEST_TOKEN = 200


def require_token(database: Database) -> Callable[[], None]:
    """What runs before every call of a room: raises NotAuthentic unless a token holds."""

    def check() -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN:
            raise NotAuthentic(
                "send `Authorization: Bearer <token>`; `gateway tokens add EMAIL` makes one"
            )
        with database.read() as db:
            g.operator = authenticate(db, token)

    return check


def operator() -> Operator:
    """The operator behind this call."""
    found: Operator = g.operator
    return found


def needs(*roles: Role) -> None:
    """Raise Forbidden unless the caller has one of these roles."""
    if operator().role not in roles:
        raise Forbidden(f"your role ({operator().role}) may not do this; it takes {roles[-1]}")


def caller_in(channel: str) -> Caller:
    """The operator behind this call, as the record knows them in a channel."""
    who = operator()
    return Caller(id=who.id, name=who.name, role=who.role, as_operator=who.links.get(channel))


def refusal(status: str, mode: str) -> str | None:
    """Why the caller may not hand over a session in this state; None if they may."""
    return handover_refusal(operator().role, status, mode)
