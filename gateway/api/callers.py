"""Who calls: a token acts as its operator, the console's cookie as whoever has signed in.

A call by cookie that changes something needs a header as well (`CSRF_HEADER`): a browser sends the
cookie along with what other sites make it ask for, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from flask import Response, g, request

from gateway.conversations.doors import Caller, handover_refusal
from gateway.errors import Forbidden, NotAuthentic, TooMany
from gateway.people.operators import Operator, Role, authenticate, digest_of
from gateway.people.signins import SignedIn, Signins, csrf_holds
from gateway.quota.callers import FAILURES, Callers, Standing
from gateway.rails.cookies import CSRF_HEADER, Cookie
from gateway.store import Database

ADMINS: tuple[Role, ...] = ("admin",)
"""A door may be kept for these (`Room.door`), or for whoever may act (`doors.MAY_ACT`)."""

_LONGEST_TOKEN = 200
_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})


class Unnamed(Forbidden):
    """A call by cookie that changes something came without the header that only our pages know."""

    code = "csrf"


def require_caller(
    database: Database, callers: Callers, signins: Signins, cookie: Cookie
) -> Callable[[], None]:
    """What runs before every call of a room: raises NotAuthentic unless a token or a sign-in holds.

    Raises Unnamed, TooMany for whoever calls too often, and for an address from which too many
    calls without a token came.
    """

    def check() -> None:
        secret = cookie.read(request)
        by_cookie = secret != "" and "Authorization" not in request.headers
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = secret if by_cookie else token.strip()
        known_by = digest_of(token)
        _refuse_unheard(callers.shut_out(g.address, known_by))
        try:
            if by_cookie:
                here = signins.enter(secret)
                g.operator = here.operator
            else:
                if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN:
                    raise NotAuthentic(
                        "send `Authorization: Bearer <token>`; `gateway tokens add EMAIL` makes one"
                    )
                with database.read() as db:
                    g.operator = authenticate(db, token)
        except NotAuthentic:
            _refuse_unheard(callers.failed(g.address))
            raise
        callers.holds(known_by)
        if by_cookie and request.method not in _CHANGES_NOTHING:
            _check_csrf(here)
        g.standing = callers.count(operator().let_in_by or operator().id)
        if g.standing is not None and not g.standing.allowed:
            raise TooMany(
                f"this token calls too often; try again in {math.ceil(g.standing.reset_s)} s",
                after_s=g.standing.reset_s,
            )

    return check


def _check_csrf(here: SignedIn) -> None:
    if not csrf_holds(here, request.headers.get(CSRF_HEADER, "")):
        raise Unnamed(f"a call by cookie needs the header {CSRF_HEADER} of a page of ours")


def _refuse_unheard(wait_s: float) -> None:
    if wait_s > 0:
        raise TooMany(
            f"more than {FAILURES} calls without a token that holds came from this address; "
            f"try again in {math.ceil(wait_s)} s",
            after_s=wait_s,
        )


def tell_standing(answer: Response) -> Response:
    """What runs after every call of a room: how many calls the token has left."""
    standing: Standing | None = g.get("standing")
    if standing is not None:
        answer.headers["RateLimit-Limit"] = str(standing.limit)
        answer.headers["RateLimit-Remaining"] = str(standing.remaining)
        answer.headers["RateLimit-Reset"] = str(math.ceil(standing.reset_s))
    return answer


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
