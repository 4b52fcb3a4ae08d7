"""One decorator for a whole door of the widget: who comes in, from which page, with how much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, Protocol, TypeVar

import marshmallow as ma
from flask import Blueprint, Response, g, request

from gateway.channels.base import Channel, Envelope
from gateway.channels.webwidget.backend import Backend, Visitor
from gateway.channels.webwidget.deployments import Deployment, Deployments
from gateway.channels.webwidget.refusals import OriginNotAllowed, TokenInvalid
from gateway.channels.webwidget.tokens import Token
from gateway.errors import Oversized
from gateway.rails.address import address_behind
from gateway.rails.parsing import StrictParser

Method = Literal["GET", "POST"]
View = TypeVar("View", bound=Callable[..., Response])


class Kept(Protocol):
    """What became of a delivery. `again`: it had come before, and changed nothing."""

    @property
    def again(self) -> bool: ...


Receive = Callable[[Channel, Envelope, bytes], Kept]

MAX_BODY = 64 * 1024
PREFLIGHT_S = 7_200
"""How long a browser may remember that it may ask; none remembers it for longer."""

_parser = StrictParser()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The visitor behind a call, at which deployment, with which token."""

    deployment: Deployment
    visitor: Visitor
    token: Token


class Doors(Blueprint):
    """The widget's doors. Their answers may be read by the pages of the deployment alone."""

    def __init__(self, deployments: Deployments, backend: Backend, proxies: int) -> None:
        """`proxies`: so many of ours stand in front, each adding to X-Forwarded-For."""
        super().__init__("widget", __name__, url_prefix="/widget/v1")
        self.deployments = deployments
        self.backend = backend
        self._proxies = proxies
        self.before_request(self._begin)
        self.after_request(self._let_read)

    def door(
        self,
        method: Method,
        rule: str,
        *,
        takes: type[ma.Schema] | None = None,
        by_token: bool = True,
        most_bytes: int = MAX_BODY,
    ) -> Callable[[View], View]:
        """Open a door; what it takes is the query of a GET and the JSON body of a POST.

        The view is called with the Caller, and then with what was taken, if it takes anything;
        what its path names comes by name. Where no token is asked for (`by_token`), the view gets
        no Caller: it finds out which deployment it is, and calls `admit`. A body that is no JSON is
        read by the view itself, which gets `most_bytes` and one more of it where it was not told
        how long it is; what is known to be longer is refused here.
        """

        def open_door(view: View) -> View:
            @wraps(view)
            def opened(**named: Any) -> Response:
                given: list[Any] = [self._caller()] if by_token else []
                _bound_body(most_bytes, read=takes is not None)
                if takes is not None:
                    where = "query" if method == "GET" else "json"
                    given.append(_parser.parse(takes, request, location=where))
                return view(*given, **named)

            self.add_url_rule(
                rule,
                endpoint=view.__name__,
                view_func=opened,
                methods=[method],
                provide_automatic_options=False,
            )
            self.add_url_rule(
                rule,
                endpoint=f"{view.__name__}_preflight",
                view_func=self._preflight,
                methods=["OPTIONS"],
                provide_automatic_options=False,
            )
            return view

        return open_door

    def admit(self, deployment: Deployment, visitor: str | None = None) -> None:
        """Let a call in whose deployment is known: its page, and how often it comes.

        Raises OriginNotAllowed and TooMany.
        """
        g.readable = None
        deployment.check_origin(g.origin)
        g.readable = g.origin
        deployment.count(visitor=visitor, address=g.address)

    def _caller(self) -> Caller:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise TokenInvalid("send `Authorization: Bearer <visitor token>`")
        deployment, token = self.deployments.of_token(text.strip(), g.address)
        self.admit(deployment, token.visitor)
        visitor = self.backend.visitor(token.channel, token.visitor)
        if token.generation != visitor.generation:
            raise TokenInvalid("this token was made void; ask for a session")
        return Caller(deployment=deployment, visitor=visitor, token=token)

    def _begin(self) -> None:
        """Runs before every call: which page calls, from where."""
        g.address = address_behind(
            request.remote_addr, request.headers.getlist("X-Forwarded-For"), self._proxies
        )
        g.origin = request.headers.get("Origin")
        g.readable = None
        if g.origin is not None:
            if not self.deployments.knows_origin(g.origin):
                raise OriginNotAllowed("this page may not use this widget; see allowed_origins")
            # A refusal that is found before the deployment is known can be read by the page, too.
            g.readable = g.origin

    def _preflight(self, **_: Any) -> Response:
        """What browsers ask first: which pages may call is all that can be told yet."""
        answer = Response(status=204)
        answer.headers["Access-Control-Allow-Methods"] = "GET, POST"
        answer.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        answer.headers["Access-Control-Max-Age"] = str(PREFLIGHT_S)
        return answer

    def _let_read(self, answer: Response) -> Response:
        """Runs after every call: whether the page's own script may read the answer."""
        answer.vary.add("Origin")
        if g.get("readable") is not None:
            answer.headers["Access-Control-Allow-Origin"] = g.readable
            answer.headers["Access-Control-Expose-Headers"] = "Retry-After"
        return answer


def _bound_body(most_bytes: int, *, read: bool) -> None:
    """Raise Oversized for a larger body, if possible before it is read."""
    # One more than allowed, since Werkzeug cuts a chunked body, whose length is not announced.
    request.max_content_length = most_bytes + 1
    size = request.content_length or 0
    if size <= most_bytes and read:
        size = len(request.get_data(cache=True))
    if size > most_bytes:
        raise Oversized(f"the body is larger than {most_bytes} bytes")
