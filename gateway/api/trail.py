"""The trail of what callers did: each mutating door leaves an audit entry, without saying so.

`act_once` writes it in the act's own transaction: action is the door's name, the thing what its
path names, and what changed is `Acted.before` and `Acted.after`. A refusal leaves one as well. What
a door forgets is written after it (`Room.door`), and logged as the bug that it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import structlog
from flask import Response, g, request

from gateway import audit
from gateway.audit import Thing, Who
from gateway.clock import Clock, to_micros
from gateway.errors import Theirs, Unreadable
from gateway.logs import origin
from gateway.people.operators import Operator
from gateway.rails.address import address_behind
from gateway.rails.answers import Json
from gateway.store import Database, Transaction, new_id

log = structlog.get_logger(__name__)

REQUEST_ID = "X-Request-Id"


class Trail:
    """Writes what doors themselves have not written."""

    def __init__(self, database: Database, clock: Clock, proxies: int = 0) -> None:
        """`proxies`: so many of ours stand in front, each adding to X-Forwarded-For."""
        self._database = database
        self._clock = clock
        self._proxies = proxies

    def begin(self) -> None:
        """Runs before every call: who calls from where, and by which name it is found again."""
        g.request_id = origin() or new_id("req")
        g.address = address_behind(
            request.remote_addr, request.headers.getlist("X-Forwarded-For"), self._proxies
        )

    def end(self, answer: Response) -> Response:
        """Runs after every call: tell its name."""
        if "request_id" in g:
            answer.headers[REQUEST_ID] = g.request_id
        return answer

    def followed(self, view: Callable[..., Any]) -> Callable[..., Any]:
        """A mutating door that leaves an entry, whatever becomes of it."""

        @wraps(view)
        def followed(*args: Any, **kwargs: Any) -> Any:
            try:
                answer = view(*args, **kwargs)
            except Theirs as error:
                if not _entered() and not isinstance(error, Unreadable):
                    refusal, now = error, to_micros(self._clock.now())
                    self._database.write(lambda db: refused(db, refusal, now))
                raise
            if not _entered():
                log.error("act_unrecorded", door=request.endpoint)
                now = to_micros(self._clock.now())
                self._database.write(lambda db: done(db, now=now))
            return answer

        return followed


def done(
    db: Transaction,
    *,
    now: int,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    thing: Thing | None = None,
) -> None:
    """Write that the caller's act is done."""
    audit.write(db, caller(), _action(), thing or _thing(), before, after, now=now)
    g.entered = True


def begun(db: Transaction, now: int) -> None:
    """Write that an act begins which needs several transactions; `done` or `refused` follows."""
    audit.write(db, caller(), _action(), _thing(), now=now, outcome="begun")


def refused(db: Transaction, error: Theirs, now: int) -> None:
    """Write that the caller's act was refused, and why."""
    audit.write(db, caller(), _action(), _thing(), now=now, outcome="refused", reason=error.message)
    g.entered = True


def repeated() -> None:
    """Note that an earlier call was repeated: it has its entry, and nothing was changed."""
    g.entered = True


def caller() -> Who:
    """Whoever is behind this call."""
    operator: Operator = g.operator
    return Who(
        kind="operator",
        id=operator.id,
        name=operator.name,
        token_id=operator.token_id,
        address=g.address,
        request_id=g.request_id,
    )


def _entered() -> bool:
    return bool(g.get("entered", False))


def _action() -> str:
    """The door's name, as the OpenAPI document has it."""
    return (request.endpoint or "").rpartition(".")[2]


def _thing() -> Thing | None:
    """What the path names first: `session_id` is a session."""
    for name, value in (request.view_args or {}).items():
        return Thing(_KINDS.get(name) or name.removesuffix("_id"), str(value))
    return None


_KINDS: Json = {"name": "channel"}
