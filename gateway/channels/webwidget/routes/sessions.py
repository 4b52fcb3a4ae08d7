"""Who wants to talk: a token for whoever comes, what is known of them, how the widget looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, g

from gateway.channels.webwidget import deliveries
from gateway.channels.webwidget.backend import Visitor
from gateway.channels.webwidget.deployments import Deployment
from gateway.channels.webwidget.identity import Proof
from gateway.channels.webwidget.refusals import TokenExpired, TokenInvalid
from gateway.channels.webwidget.routes.doors import Caller, Doors, Receive
from gateway.channels.webwidget.routes.looks import looks
from gateway.channels.webwidget.routes.schemas import SessionsBody
from gateway.channels.webwidget.tokens import Token
from gateway.clock import to_time
from gateway.rails.answers import json_answer


def add_session_doors(doors: Doors, receive: Receive) -> None:
    """`receive` takes what is said of visitors, as it takes what they say."""
    backend, tokens = doors.backend, doors.deployments.tokens

    @doors.door("POST", "/sessions", takes=SessionsBody, by_token=False)
    def open_session(body: dict[str, Any]) -> Response:
        """Say who one is, or go on as who one was"""
        deployment = doors.deployments.of_key(body["key"])
        doors.admit(deployment)
        proof = deployment.identities.read(body["jwt"]) if body["jwt"] else None
        visitor, token = _known(deployment, body["visitor_token"])
        if visitor is None:
            visitor = Visitor(channel=deployment.name, id=backend.new_id())
        if proof is not None:
            visitor = _recognise(deployment, visitor if token else None, proof)
        _hear(deployment, visitor, body["claims"])
        if body["parameters"]:
            backend.keep_parameters(visitor.channel, visitor.id, body["parameters"])
        visitor = backend.visitor(visitor.channel, visitor.id)
        session = backend.session(visitor)
        if (
            token is None
            or not tokens.is_fresh(token)
            or (token.visitor, token.generation) != (visitor.id, visitor.generation)
        ):
            text = tokens.make(visitor.channel, visitor.id, visitor.generation)
            token = tokens.read(text)
        else:
            text = body["visitor_token"]
        return json_answer(
            {
                "visitor_token": text,
                "expires_at": to_time(tokens.expires_at(token, deployment.settings.token_days)),
                "visitor": {
                    "id": visitor.id, "level": visitor.level,
                    "name": visitor.name, "email": visitor.email,
                },
                "session": session and deployment.teller.session(session),
                "config": looks(deployment, backend.files_taken()),
            }
        )  # fmt: skip

    @doors.door("POST", "/logout")
    def log_out(caller: Caller) -> Response:
        """Make every token of the visitor void"""
        backend.log_out(caller.visitor.channel, caller.visitor.id)
        return Response(status=204)

    def _known(
        deployment: Deployment, text: str | None
    ) -> tuple[Visitor, Token] | tuple[None, None]:
        """The visitor whose token still holds here; any other token is as good as none."""
        if not text:
            return None, None
        try:
            found, token = doors.deployments.of_token(text, g.address)
        except (TokenInvalid, TokenExpired):
            return None, None
        if found.name != deployment.name:
            return None, None
        visitor = backend.visitor(token.channel, token.visitor)
        return (visitor, token) if visitor.generation == token.generation else (None, None)

    def _recognise(deployment: Deployment, before: Visitor | None, proof: Proof) -> Visitor:
        """Whoever was proven, on which visitor of theirs they go on; the channel is told of it."""
        found = backend.recognise(deployment.name, before.id if before else None, proof.user)
        details = {"name": proof.name, "email": proof.email, "phone": proof.phone}
        for id in found.theirs:
            _tell(deployment, id, "verified", details, proof.user)
        if found.visitor.id not in found.theirs and _says_more(found.visitor, details):
            _tell(deployment, found.visitor.id, "verified", details, proof.user)
        return found.visitor

    def _hear(
        deployment: Deployment, visitor: Visitor, claims: Mapping[str, str | None] | None
    ) -> None:
        """What the page claims; it opens nothing, and what is known of a proven user stands."""
        claims = claims or {}
        if visitor.user is not None:
            claims = {name: value for name, value in claims.items() if not getattr(visitor, name)}
        if _says_more(visitor, claims):
            _tell(deployment, visitor.id, "claimed", claims)

    def _tell(
        deployment: Deployment,
        visitor_id: str,
        level: Any,
        details: Mapping[str, str | None],
        user: str | None = None,
    ) -> None:
        at = backend.moment(deployment.name, visitor_id)
        content = deliveries.identified(
            deployment.name, visitor_id, at=at, level=level, user=user, details=details
        )
        receive(deployment.channel, *deliveries.delivered(content))


def _says_more(visitor: Visitor, details: Mapping[str, str | None]) -> bool:
    """Whether any detail is another than the one that is known: pages say the same again often."""
    return any(
        value is not None and value.strip() != (getattr(visitor, name) or "")
        for name, value in details.items()
    )
