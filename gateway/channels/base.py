"""What a channel is: a contract in three parts, all of it required.

`receiver` reads what the outside sends, the terms say how the channel's grey areas are decided and
what it can do, and `open_sender` gives workers something that acts in it. Abilities are declared,
never probed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.commands import Command, Done, UpdateContact
from gateway.events import Assignee, ContactSeen, Delivery, Event, Happened
from gateway.policy import ChannelTerms
from gateway.quota import Headroom
from gateway.signs import Finding, Judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One conversation as the channel itself tells it, read just now.

    `events` is everything in it, as facts; `assignee`, `closed` and `updated_at` (µs since 1970)
    are the channel's state at the moment of reading. `lost` parts are older than what the channel
    still tells; `contacts` are the customers who are in it now.
    """

    conversation: str
    events: Sequence[Event]
    assignee: Assignee
    closed: bool
    updated_at: int
    lost: int = 0
    contacts: Sequence[str] = ()

    def up_to(self, moment: int) -> Sequence[Event]:
        """What had happened by `moment` (µs), and all that is true at any time, such as names."""
        return [
            event
            for event in self.events
            if not isinstance(event, Happened) or event.at.at <= moment
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A conversation that changed in its channel, last at `updated_at` (µs).

    `marks` are the channel's own remarks on it, which are counted and judged later.
    """

    id: str
    updated_at: int
    marks: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """One page of what changed in a channel, the newest first. `next` asks for the following one.

    `gone` are ids of conversations that the channel lists as deleted; `people` are customers whose
    details changed. `total` is how many conversations are listed from this page on, if it is told.
    """

    conversations: Sequence[Changed] = ()
    gone: Sequence[str] = ()
    people: Sequence[ContactSeen] = ()
    next: str | None = None
    total: int | None = None


class Receiver(Protocol):
    """The reading side: pure, used in the request path."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check that `body` (raw bytes) comes from the channel; raise NotAuthentic if not."""
        ...

    def read_envelope(self, body: bytes) -> Envelope:
        """Read who sent what, without looking at the content; raise Unreadable."""
        ...

    def translate(self, envelope: Envelope) -> Delivery:
        """Turn the content into events; raise Unreadable when a needed field is missing."""
        ...

    def without_words(self, body: bytes, messages: Collection[str], before: int) -> bytes:
        """Return a kept body without the words, files and names of these messages.

        And without any from before `before` (the channel's time, µs). Empty where nothing of it can
        be kept. Raises Unreadable.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The outside of a notification: enough to keep it before anything else is understood.

    `conversation` is the channel's id of the conversation it names, where that can be told.
    `content` is the parsed JSON object, the channel's own business.
    """

    installation: str
    id: str | None
    topic: str
    conversation: str | None
    content: Mapping[str, object]


class Sender(Protocol):
    """The acting side: slow, used by workers only, safe to share between threads.

    Errors: `Again` nothing was done, try later; `Never` it cannot be done; `UnknownOutcome` the
    request went out and the answer did not come.
    """

    def push(self, command: Command, *, deadline: float) -> Done:
        """Do it within `deadline` seconds in total and return the channel's receipt."""
        ...

    def read(self, conversation: str, *, deadline: float, background: bool = False) -> Snapshot:
        """Read one conversation; raise NotFound when the channel no longer has it.

        `background` says that no customer waits for it: where the channel limits calls, it leaves
        room for those that one does wait for.
        """
        ...

    def changes(self, since: int, until: int, cursor: str | None) -> Changes:
        """List a page of what changed from `since` to `until` (µs), beginning where `cursor` says.

        A cursor is the channel's own word for how far the list was walked; it stays good for hours.
        """
        ...

    def contact(self, contact: str, *, deadline: float) -> ContactSeen:
        """Read one customer; no customer waits for it. Raise NotFound when the channel has it no
        more under this id; `details["moved_to"]` then has the new one, where the channel tells.
        """
        ...

    def conversations_of(self, contact: str, *, deadline: float) -> Sequence[str]:
        """The channel's ids of a customer's conversations, some hundred of the newest."""
        ...

    def update_contact(self, command: UpdateContact, *, deadline: float) -> ContactSeen:
        """Change what the channel knows of a customer, and return what it says of them now.

        Asked only of a channel that declares `update_contact`. NotFound as for `contact`.
        """
        ...

    def skew_s(self) -> float | None:
        """How many seconds our clock is ahead of the channel's; None before its first answer."""
        ...

    def check(self) -> Sequence[Finding]:
        """Look at the set-up from here, for `gateway doctor`."""
        ...

    def installation(self) -> str:
        """The channel's own name of the workspace that our credentials open."""
        ...

    def directory(self) -> Sequence[Event]:
        """The people, teams and bots that work in the channel, as StaffSeen."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel(ChannelTerms):
    """One configured channel.

    `private` channels belong to one installation only, the first that is heard of (or
    `installation`, where the settings name it); a report of another one is foreign. What changed
    is compared with the record every `reconcile_every_s` seconds (0: on demand). What was said is
    kept for `retention_days` after its session, what was delivered for `payload_days` (0: for
    good). `open_sender`
    imports what it needs only when called, since workers alone need it. `judge` knows the channel's
    own rules of health; `signed_in` is the header without which no report is the channel's.
    A `remote` channel keeps a record of its own, which can be read; of any other ours is the truth.
    After `pauses_after` errors in a row it sends nothing for a while. `headroom` tells what is left
    of the calls that it takes, where it has a limit and that is known.
    An installation of an `app` reports at the app's door; `title` is the workspace's own name.
    `paused` tells why nothing may be asked of it until a person has acted: what it owes waits.
    `verify_body` checks what is posted besides notifications, as Receiver.verify does.
    """

    kind: str
    receiver: Receiver
    open_sender: Callable[[], Sender]
    judge: Judge
    signed_in: str
    private: bool = True
    remote: bool = True
    reconcile_every_s: float = 0.0
    retention_days: float = 0.0
    payload_days: float = 0.0
    installation: str | None = None
    pauses_after: int | None = None
    headroom: Callable[[], Headroom | None] | None = None
    app: str | None = None
    title: str = ""
    paused: str | None = None
    verify_body: Callable[[Mapping[str, str], bytes], None] | None = None

    @property
    def door(self) -> str:
        """Under which name it reports: `/webhooks/<door>`."""
        return self.app or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an app's consent wants to be asked over HTTP: a form if there is one, else a GET."""

    what: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)


Ask = Callable[[Asked], tuple[int, Mapping[str, Any]]]
"""Asks within a deadline of its own: the status and the JSON object. Raises Again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace that has let an app in, as the channel tells it."""

    id: str
    title: str
    region: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Who or what a conversation of a workspace may be assigned to, by its id there."""

    id: str
    name: str


class Consent(Protocol):
    """How an admin of a workspace lets an app in."""

    def address(self, state: str, callback: str, region: str) -> str:
        """Where their browser has to go; it comes back to `callback` with `state` and a code."""
        ...

    def redeem(self, code: str, ask: Ask) -> Workspace:
        """Turn the code into a token and its workspace; raise Never if it is refused, and Again."""
        ...

    def places(self, workspace: Installed, ask: Ask) -> tuple[Sequence[Place], Sequence[Place]]:
        """The people and the teams of a workspace; raise Paused if its token is refused, Again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A workspace that has installed an app, as the record has it.

    `seat` is the one that the AI answers from, `settings` what was decided for this workspace.
    """

    channel: str
    workspace: str
    title: str
    region: str
    token: str = field(repr=False)
    seat: str
    settings: Mapping[str, Any]
    paused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One configured public app: each workspace that installs it is a channel of its own.

    `door` takes what comes for all of them, and keeps apart what comes from any other workspace.
    `open_channel` is given what is called when the workspace's token is refused.
    """

    name: str
    kind: str
    agent: str
    tool: str
    regions: Sequence[str]
    door: Channel
    consent: Consent
    open_channel: Callable[[Installed, Callable[[], object]], Channel]
