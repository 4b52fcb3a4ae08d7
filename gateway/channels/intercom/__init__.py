"""Intercom: the channel whose Assignee is the switch between the AI and people."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from gateway.channels.base import Channel, Envelope, Sender
from gateway.channels.intercom import health, notification, signature
from gateway.channels.intercom.cleaning import without_words
from gateway.channels.intercom.markup import plain_of_markdown, render, sanitise
from gateway.channels.intercom.pages import conversation_page
from gateway.channels.intercom.people import Seats
from gateway.channels.intercom.translate import notification_to_delivery
from gateway.commands import CommandKind
from gateway.config import IntercomSettings
from gateway.errors import ConfigError
from gateway.events import NOBODY, Assignee, Delivery
from gateway.policy import Policy
from gateway.quota import Allowance, Quota

__all__ = ["ALLOWANCE", "IntercomReceiver", "open_channel"]

_PUSHES: frozenset[CommandKind] = frozenset({"send_message", "add_note", "assign", "close"})

# Intercom's documentation: 10,000 calls a minute, cut into windows of 10 seconds.
ALLOWANCE = Allowance(calls=1666, window_s=10)


class IntercomReceiver:
    """The reading side: pure, used in the request path."""

    def __init__(
        self,
        *,
        secrets: Sequence[str],
        bot_admin_id: str,
        ai_teams: Collection[str] = (),
        users_are_verified: bool = False,
        attributes: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._secrets = tuple(secrets)
        self._seats = Seats(bot_admin_id, frozenset(ai_teams), users_are_verified, attributes)

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check a notification's signature; raise NotAuthentic."""
        signature.verify_notification(headers, body, self._secrets)

    def read_envelope(self, body: bytes) -> Envelope:
        """Read who sent what; raise Unreadable."""
        return notification.read_envelope(body)

    def translate(self, envelope: Envelope) -> Delivery:
        """Turn the content into events; raise Unreadable."""
        return notification_to_delivery(envelope, self._seats)

    def without_words(self, body: bytes, messages: Collection[str], before: int) -> bytes:
        """A body without words that were taken back; raise Unreadable."""
        return without_words(body, messages, before)


def open_channel(
    name: str,
    settings: IntercomSettings,
    quota: Quota | None = None,
    *,
    refused: Callable[[], object] | None = None,
) -> Channel:
    """Return the channel that `[channels.<name>]` describes. Opens nothing; raise ConfigError.

    `quota` is what all processes share of the workspace's rate limit; `refused` is called when
    Intercom does not take the access token, after which nothing may be asked.
    """

    def open_sender() -> Sender:
        # python-intercom takes half a second and 45 MB to import: workers only.
        from gateway.channels.intercom.sender import open_sender as open_intercom_sender

        return open_intercom_sender(settings, quota, refused)

    seats = Seats(settings.bot_admin_id, frozenset(settings.ai_teams))
    return Channel(
        name=name,
        kind="intercom",
        agent=settings.agent,
        receiver=IntercomReceiver(
            secrets=settings.client_secret,
            bot_admin_id=settings.bot_admin_id,
            ai_teams=settings.ai_teams,
            users_are_verified=settings.identity_verification,
            attributes=settings.contact_attributes,
        ),
        policy=Policy(
            answer_when_unassigned="unassigned" in settings.answer_when,
            answer_when_assigned="bot" in settings.answer_when,
            first_mode=settings.first_mode,
            on_unassigned=settings.on_unassigned,
            takeover_on_reply=settings.takeover_on_reply,
            other_bot=settings.other_bot,
            answer_email=settings.email_conversations == "ai",
        ),
        pushes=_PUSHES | {"update_contact"} if settings.push_contacts else _PUSHES,
        custom_details=frozenset(settings.contact_attributes),
        open_sender=open_sender,
        judge=partial(health.judge, seats=seats),
        pauses_after=health.PAUSE_AFTER,
        headroom=quota.headroom if quota is not None else None,
        signed_in=signature.NOTIFICATION_HEADER,
        ai=Assignee(kind="ai", id=settings.bot_admin_id),
        hand_over_to=_target(name, settings.hand_over_to),
        drafts=settings.drafts,
        answer_late_s=settings.answer_late_s,
        hand_over_late_s=settings.hand_over_late_s,
        # An access token is a private app's: one app, one workspace.
        private=True,
        reconcile_every_s=settings.reconcile_every_s,
        retention_days=settings.retention_days,
        payload_days=settings.payload_days,
        installation=settings.app_id or None,
        plain=plain_of_markdown,
        render=_shown,
        tool="Intercom",
        in_tool=partial(conversation_page, settings.base_url),
        verify_body=partial(_verify_body, settings.client_secret),
    )


def _verify_body(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> None:
    signature.verify_body_signature(headers, body, secrets)


def _target(name: str, target: str) -> Assignee:
    """Read `team:ID` or `admin:ID`; nothing means that a handover unassigns."""
    if not target:
        return NOBODY
    kind, _, id = target.partition(":")
    if kind == "team" and id:
        return Assignee(kind="team", id=id)
    if kind == "admin" and id:
        return Assignee(kind="operator", id=id)
    raise ConfigError([f'channels.{name}.hand_over_to must be "team:ID" or "admin:ID"'])


def _shown(text: str) -> str:
    """Our Markdown as pages show it: as Intercom gets it, and safe in a browser."""
    return sanitise(render(text))
