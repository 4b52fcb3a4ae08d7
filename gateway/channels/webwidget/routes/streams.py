"""The stream that tells a visitor's browser when it is time to ask, and the tickets for it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from flask import Response, request

from gateway.channels.webwidget.refusals import TokenInvalid
from gateway.channels.webwidget.routes.doors import Caller, Doors
from gateway.channels.webwidget.routes.schemas import TicketQuery
from gateway.channels.webwidget.tickets import LASTS_S, Ticket, Tickets
from gateway.rails.answers import json_answer

EVENTS = "/widget/v1/events"


def add_stream_doors(doors: Doors, tickets: Tickets) -> None:
    """Add the doors; a stream says nothing of what is said."""
    backend, deployments = doors.backend, doors.deployments

    @doors.door("POST", "/stream_tickets")
    def make_ticket(caller: Caller) -> Response:
        """Get a ticket for one's own stream"""
        token, days = caller.token, caller.deployment.settings.token_days
        ticket = Ticket(
            channel=token.channel,
            visitor=token.visitor,
            generation=token.generation,
            until=deployments.tokens.expires_at(token, days),
        )
        return json_answer({"ticket": tickets.make(ticket), "expires_in": LASTS_S})

    @doors.door("GET", "/events", takes=TicketQuery, by_token=False)
    def follow_talk(query: dict[str, Any]) -> Response:
        """Follow one's own talk, as server-sent events"""
        ticket = tickets.read(query["ticket"])
        deployment = deployments.of_name(ticket.channel)
        doors.admit(deployment, ticket.visitor)
        visitor = backend.visitor(ticket.channel, ticket.visitor)
        if visitor.generation != ticket.generation:
            raise TokenInvalid("this ticket was made void; ask for a session")
        stream = backend.stream(visitor, ticket.until, _hanging_up())
        answer = Response(iter(stream), content_type="text/event-stream")
        answer.call_on_close(stream.close)
        answer.headers["X-Accel-Buffering"] = "no"  # nginx would collect events for a while
        return answer


def _hanging_up() -> Callable[[], None] | None:
    """What ends this connection at once: who takes nothing more is not waited for."""
    found = request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
    if found is None:
        return None

    def hang_up() -> None:
        with suppress(OSError):  # it is closed already
            found.shutdown(socket.SHUT_RDWR)

    return hang_up
