"""What a visitor says: the way of every channel's notification, exactly once by `client_id`."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.channels.webwidget import deliveries
from gateway.channels.webwidget.routes.doors import Caller, Doors, Receive
from gateway.channels.webwidget.routes.schemas import MessageBody
from gateway.channels.webwidget.translate import PREFIX
from gateway.errors import Unavailable
from gateway.rails.answers import json_answer


def add_message_doors(doors: Doors, receive: Receive) -> None:
    """`receive` keeps a delivery as it keeps any channel's; what it returned is on disk."""
    backend = doors.backend

    @doors.door("POST", "/messages", takes=MessageBody)
    def say(caller: Caller, body: dict[str, Any]) -> Response:
        """Say something"""
        visitor, client_id = caller.visitor, body["client_id"]
        teller = caller.deployment.teller
        known = backend.message(visitor, PREFIX + client_id)
        if known is not None:
            return json_answer({"message": teller.line(known), "again": True})
        content = deliveries.said(
            visitor.channel, visitor.id,
            at=backend.moment(visitor.channel, visitor.id),
            name=visitor.name,
            client_id=client_id,
            text=body["text"],
            attachments=backend.attachments(visitor, body["files"], PREFIX + client_id),
            parameters=visitor.parameters,
        )  # fmt: skip
        envelope, raw = deliveries.delivered(content)
        kept = receive(caller.deployment.channel, envelope, raw)
        said = backend.message(visitor, PREFIX + client_id)
        if said is None:
            # It is kept, and failed to be applied: the client goes on asking until it is.
            raise Unavailable("this message is not in the record yet; send it again")
        return json_answer({"message": teller.line(said), "again": kept.again})
