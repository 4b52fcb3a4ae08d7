"""From a delivery of the widget's doors to events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from gateway.channels.base import Envelope
from gateway.channels.webwidget.deliveries import (
    IDENTIFIED,
    MESSAGE,
    Identified,
    Said,
    Words,
    envelope_of,
    parse,
    read,
)
from gateway.channels.webwidget.words import fit
from gateway.events import (
    STEP_SAID,
    Actor,
    ContactSeen,
    Delivery,
    Event,
    MessageReceived,
    ParametersSet,
    Position,
    Unrecognised,
)

PREFIX = "web-"
"""Before a client's own name of a message: nothing that we name begins so."""


def delivery_to_events(envelope: Envelope) -> Delivery:
    """Translate by topic; raise Unreadable, naming the field."""
    translate = _TOPICS.get(envelope.topic)
    events = (
        [Unrecognised(topic=envelope.topic)] if translate is None else translate(envelope.content)
    )
    return Delivery(
        installation=envelope.installation, id=envelope.id, topic=envelope.topic, events=events
    )


def _said(content: Mapping[str, object]) -> Sequence[Event]:
    said = read(content, Said)
    # Whose conversation it is, before anything is known of them.
    seen = ContactSeen(id=said.visitor, level="anonymous", as_of=said.at)
    message = MessageReceived(
        conversation=said.visitor,
        id=PREFIX + said.message.client_id,
        at=Position(said.at, 0, STEP_SAID),
        author=Actor(kind="customer", id=said.visitor, name=_fit(said.name)),
        text=fit(said.message.text),
        attachments=tuple(said.message.attachments),
        contact=said.visitor,
    )
    if not said.parameters:
        return [seen, message]
    # Kept with every session that is opened. What was learned in it since is not undone by it.
    known = ParametersSet(conversation=said.visitor, values=said.parameters, over=False)
    return [seen, message, known]


def _identified(content: Mapping[str, object]) -> Sequence[Event]:
    one = read(content, Identified)
    return [
        ContactSeen(
            id=one.visitor, name=_fit(one.name), email=_fit(one.email), phone=_fit(one.phone),
            external_id=one.user, level=one.level, as_of=one.at,
        )
    ]  # fmt: skip


def _fit(text: str | None) -> str | None:
    return None if text is None else fit(text)


def without_words(body: bytes, messages: Collection[str], before: int) -> bytes:
    """A body without the words of these messages, and without any from before `before` (µs).

    Empty for what then says nothing more. Raises Unreadable.
    """
    content = parse(body)
    outside = envelope_of(content)
    if outside.topic == IDENTIFIED:
        return b"" if read(outside.content, Identified).at < before else body
    if outside.topic != MESSAGE:
        return b""
    said = read(outside.content, Said)
    if said.at >= before and PREFIX + said.message.client_id not in messages:
        return body
    said.message = Words(client_id=said.message.client_id, text="")
    if said.at < before:
        said.name, said.parameters = None, {}
    return msgspec.json.encode(said)


_TOPICS: Mapping[str, Callable[[Mapping[str, object]], Sequence[Event]]] = {
    MESSAGE: _said,
    IDENTIFIED: _identified,
}
