"""Acting in Intercom: commands become calls of the port, a conversation becomes a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, assert_never

from gateway.channels.base import Changes, Snapshot
from gateway.channels.intercom import changes, findings, markup, shapes
from gateway.channels.intercom.client import IntercomPort, receipts
from gateway.channels.intercom.conversation import conversation_to_snapshot
from gateway.channels.intercom.names import name_or_none, words_or_none
from gateway.channels.intercom.people import Seats, assigned_by_part
from gateway.channels.intercom.translate import contact_seen
from gateway.commands import (
    AddNote,
    Assign,
    Close,
    Command,
    Done,
    SendMessage,
    UpdateContact,
)
from gateway.config import IntercomSettings
from gateway.errors import Again, Never, UnknownOutcome, Unreadable
from gateway.events import Assignee, ContactSeen, Event, StaffSeen
from gateway.quota import Quota
from gateway.signs import Finding

Seat = tuple[Literal["admin", "team"], str]


def open_sender(
    settings: IntercomSettings,
    quota: Quota | None = None,
    refused: Callable[[], object] | None = None,
) -> IntercomSender:
    """Return the sender that `[channels.NAME]` describes; raise ConfigError. Sends nothing."""
    port = IntercomPort(
        access_token=settings.access_token,
        api_version=settings.api_version,
        region=settings.region,
        base_url=settings.base_url,
        quota=quota,
        refused=refused,
    )
    return IntercomSender(
        port,
        bot_admin_id=settings.bot_admin_id,
        ai_teams=settings.ai_teams,
        hand_over_to=settings.hand_over_to,
        app_id=settings.app_id,
        users_are_verified=settings.identity_verification,
        attributes=settings.contact_attributes,
    )


class IntercomSender:
    """One workspace, acted upon as the bot's seat. Safe to share between threads."""

    def __init__(
        self,
        port: IntercomPort,
        *,
        bot_admin_id: str,
        ai_teams: Collection[str] = (),
        hand_over_to: str = "",
        app_id: str = "",
        users_are_verified: bool = False,
        attributes: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._port = port
        self._seats = Seats(bot_admin_id, frozenset(ai_teams), users_are_verified, attributes)
        self._hand_over_to = hand_over_to
        self._app_id = app_id

    def push(self, command: Command, *, deadline: float) -> Done:
        """Do it within `deadline` seconds in total and return Intercom's receipt.

        Raises Again, Never, UnknownOutcome; the latter with `details["accepted"]` where Intercom
        took the command and only the receipt is missing, so that it must not be sent again.
        """
        match command:
            case SendMessage() | AddNote():
                done = self._say(command, deadline)
            case Assign():
                done = self._assign(command, deadline)
            case Close():
                bot = self._seats.bot
                answer = self._port.close(command.conversation, admin=bot, deadline=deadline)
                done = receipts.of_close(answer, admin=bot)
            case _:
                assert_never(command)
        if done is None:
            message = "Intercom took the command, and its answer does not show what came of it"
            raise UnknownOutcome(message, details={"accepted": True})
        return done

    def read(self, conversation: str, *, deadline: float, background: bool = False) -> Snapshot:
        """Read one conversation; raise NotFound when Intercom no longer has it."""
        item = self._port.conversation(conversation, background=background, deadline=deadline)
        seats = self._seats
        try:
            return conversation_to_snapshot(item, bot=seats.bot, ai_teams=seats.ai_teams)
        except Unreadable as error:
            # Fail closed: nothing is sent on the strength of what could not be read.
            message = f"Intercom's conversation cannot be read: {error.message}"
            raise Again(message) from error

    def changes(self, since: int, until: int, cursor: str | None) -> Changes:
        """List a page of what changed from `since` to `until` (µs); see changes.py."""
        return changes.of_workspace(self._port, self._seats, since, until, cursor)

    def contact(self, contact: str, *, deadline: float) -> ContactSeen:
        """Read one contact; raise NotFound when Intercom no longer has it under this id."""
        return self._seen(self._port.contact(contact, deadline=deadline), contact, Again)

    def conversations_of(self, contact: str, *, deadline: float) -> Sequence[str]:
        """The ids of a contact's newest conversations."""
        listed = self._port.conversations_of(contact, deadline=deadline).get("conversations")
        items = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return [id for one in items if (id := name_or_none(one.get("id"))) is not None]

    def update_contact(self, command: UpdateContact, *, deadline: float) -> ContactSeen:
        """Change a contact, and return what Intercom says of it now."""
        details: dict[str, Any] = {}
        attributes: dict[str, Any] = {}
        for name, value in command.details.items():
            if not name.startswith("custom."):
                details[name] = value
            elif name in self._seats.attributes:
                attributes[self._seats.attributes[name]] = value
            else:
                raise Never(
                    f"no attribute of Intercom's is {name} any more: see contact_attributes"
                )
        if attributes:
            details["custom_attributes"] = attributes
        answer = self._port.update_contact(command.contact, details, deadline=deadline)
        return self._seen(answer, command.contact, UnknownOutcome)

    def _seen(
        self, answer: dict[str, Any], contact: str, otherwise: type[Again | UnknownOutcome]
    ) -> ContactSeen:
        try:
            seen = contact_seen(shapes.read(answer, shapes.Contact, "contact"), self._seats)
        except Unreadable as error:
            raise otherwise(f"Intercom's contact cannot be read: {error.message}") from error
        if seen.id != contact:
            raise otherwise("Intercom answered with another contact than the one asked for")
        return seen

    def skew_s(self) -> float | None:
        """How many seconds our clock is ahead of Intercom's; None before its first answer."""
        return self._port.clock_skew_s

    def check(self) -> Sequence[Finding]:
        """Look at the set-up from here, for `gateway doctor`."""
        return findings.of_workspace(
            self._port,
            seats=self._seats,
            hand_over_to=self._hand_over_to,
            app_id=self._app_id,
        )

    def installation(self) -> str:
        """The workspace that the access token is of: the `app_id` of its notifications."""
        app = self._port.me().get("app")
        return name_or_none(app.get("id_code")) or "" if isinstance(app, dict) else ""

    def directory(self) -> Sequence[Event]:
        """The people and teams of the workspace, as StaffSeen; the bot's seat is `ai`."""
        admins, teams = self._port.admins(), self._port.teams()
        staff = [self._admin_seen(admin) for admin in admins]
        staff += [_team_seen(team) for team in teams]
        return [one for one in staff if one is not None]

    def _say(self, command: SendMessage | AddNote, deadline: float) -> Done | None:
        html = markup.render(command.text)
        words = _folded(html)
        if not words and not markup.read_html(html).images:
            # Intercom refuses a blank body (vita-min #1181), and trying again cannot help.
            raise Never("the text is blank")
        admin = command.as_operator or self._seats.bot
        note = isinstance(command, AddNote)
        call = self._port.note if note else self._port.reply
        answer = call(command.conversation, admin=admin, html=html, deadline=deadline)
        return receipts.of_words(
            answer, admin=admin, note=note, says=lambda body: _folded(body) == words,
            assigned=self._assigned_by,
        )  # fmt: skip

    def _assigned_by(self, part: dict[str, Any]) -> Assignee | None:
        """Whom words of ours have assigned; None if that cannot be read: the echo tells it, too."""
        try:
            return assigned_by_part(shapes.read(part, shapes.Part, "part"), self._seats)
        except Unreadable:
            return None

    def _assign(self, command: Assign, deadline: float) -> Done | None:
        kind, seat = self._seat_of(command.to)
        bot = self._seats.bot
        answer = self._port.assign(
            command.conversation, admin=bot, kind=kind, assignee=seat, deadline=deadline
        )
        target: receipts.Target = ("nobody", "") if seat == "0" else (kind, seat)
        return receipts.of_assignment(answer, admin=bot, target=target)

    def _seat_of(self, to: Assignee) -> Seat:
        match to.kind:
            case "nobody":
                return ("admin", "0")
            case "ai":
                # An AI that answers for a team holds what that team is assigned.
                return ("admin", self._seats.bot) if to.team is None else ("team", to.team)
            case "operator" if to.id:
                return ("admin", to.id)
            case "team" if to.id:
                return ("team", to.id)
        raise Never(
            f"Intercom cannot assign a conversation to {to.kind} {to.id or 'without an id'}"
        )

    def _admin_seen(self, admin: dict[str, Any]) -> StaffSeen | None:
        id_ = name_or_none(admin.get("id"))
        if id_ is None:
            return None
        away = admin.get("away_mode_enabled")
        reassigns = admin.get("away_mode_reassign")
        return StaffSeen(
            kind="ai" if id_ == self._seats.bot else "operator",
            id=id_,
            name=_words(admin.get("name")),
            email=_words(admin.get("email")),
            away=away if isinstance(away, bool) else None,
            reassigns=reassigns if isinstance(reassigns, bool) else None,
        )


def _team_seen(team: dict[str, Any]) -> StaffSeen | None:
    id_ = name_or_none(team.get("id"))
    return None if id_ is None else StaffSeen(kind="team", id=id_, name=_words(team.get("name")))


def _words(value: object) -> str | None:
    return words_or_none(value) if isinstance(value, str) else None


def _folded(html: str) -> str:
    return " ".join(markup.plain(html).split())
