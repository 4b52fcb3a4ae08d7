"""The web widget: a channel of our own, on any page, with nobody's helpdesk behind it.

Its doors (`routes/`) take what visitors say and deliver it as any channel does; what it needs of
the record it is handed (`backend.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from gateway.channels.base import Channel, Envelope
from gateway.channels.webwidget import deliveries, signature
from gateway.channels.webwidget.content import render
from gateway.channels.webwidget.sender import WidgetSender
from gateway.channels.webwidget.translate import delivery_to_events, without_words
from gateway.config import WebWidgetSettings
from gateway.events import NOBODY, Assignee, Delivery
from gateway.policy import Policy

__all__ = ["WidgetReceiver", "open_channel"]


class WidgetReceiver:
    """The reading side: pure, used in the request path."""

    def __init__(self, *, keys: Sequence[bytes]) -> None:
        """One of `keys` signs deliveries that come from outside this process."""
        self._keys = keys

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check a delivery's signature; raise NotAuthentic."""
        signature.verify(headers, body, self._keys)

    def read_envelope(self, body: bytes) -> Envelope:
        """Read who said what; raise Unreadable."""
        return deliveries.envelope_of(deliveries.parse(body))

    def translate(self, envelope: Envelope) -> Delivery:
        """Turn the content into events; raise Unreadable."""
        return delivery_to_events(envelope)

    def without_words(self, body: bytes, messages: Collection[str], before: int) -> bytes:
        """A body without words that were taken back; raise Unreadable."""
        return without_words(body, messages, before)


def open_channel(name: str, settings: WebWidgetSettings, secret_keys: Sequence[str]) -> Channel:
    """Return the channel that `[channels.<name>]` describes. Opens nothing.

    `secret_keys` are the gateway's own, of which the channel's are derived.
    """
    return Channel(
        name=name,
        kind="webwidget",
        agent=settings.agent,
        receiver=WidgetReceiver(keys=[signature.derived_key(key, name) for key in secret_keys]),
        policy=Policy(native_assignment=False),
        # What the gateway says is said by its own commit.
        pushes=frozenset(),
        carries_files=True,
        open_sender=partial(WidgetSender, name),
        judge=lambda _: (),
        signed_in=signature.HEADER,
        ai=Assignee(kind="ai"),
        hand_over_to=NOBODY,
        private=True,
        remote=False,
        retention_days=settings.retention_days,
        payload_days=settings.payload_days,
        installation=name,
        render=render,
    )
