"""Where word of alerts goes: by e-mail, and to an address that takes webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.clock import Clock
from gateway.config import Settings
from gateway.signs import Notice, SinkName
from gateway.sinks.mail import MailSink
from gateway.sinks.post import PostSink

__all__ = ["Sink", "open_sinks"]


class Sink(Protocol):
    """A way to tell people. `together`: what is owed at one time goes as one message."""

    together: bool

    def tell(self, notices: Sequence[Notice]) -> None:
        """Send these; raise Again if they may not have arrived."""
        ...


def open_sinks(settings: Settings, clock: Clock) -> Mapping[SinkName, Sink]:
    """The ways that are set. Opens no connection."""
    sinks: dict[SinkName, Sink] = {}
    alerts = settings.alerts
    if settings.smtp is not None and alerts.email_to:
        sinks["email"] = MailSink(
            settings.smtp, alerts.email_to,
            workspace=settings.workspace, public_url=settings.public_url, clock=clock,
        )  # fmt: skip
    if alerts.webhook_url:
        sinks["webhook"] = PostSink(alerts.webhook_url, alerts.webhook_secret, clock=clock)
    return sinks
