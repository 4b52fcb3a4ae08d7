"""A conversation between two facts: its sessions, who holds it, what the history shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gateway.events import ORIGIN, SYSTEM, Actor, Assignee, Position, Trigger
from gateway.handover.table import Mode, State
from gateway.ladder import WaitStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Responsible:
    """Who answers for a session: the AI, a person (`operator`), another bot, or nobody yet."""

    kind: Literal["ai", "operator", "bot", "unassigned"]
    id: str | None = None
    name: str | None = None
    team: str | None = None


BY_AI = Responsible(kind="ai")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """The last time a session went from the AI to people, and why."""

    trigger: Trigger
    reason: str
    by: Actor
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time in which people held a session, alone or with the AI drafting; times are in µs.

    `handover` is None where no handover began it. Who `accepted_by` first, and when somebody first
    replied, stay, whoever holds the session later.
    """

    began_at: int
    handover: Handover | None = None
    accepted_at: int | None = None
    accepted_by: Responsible | None = None
    first_reply_at: int | None = None
    ended_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What a customer waits for, since when (µs), and how many rungs of the ladder were climbed."""

    step: WaitStep
    since: int
    rung: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A line between messages in the history. Worded when it is read, so names stay true."""

    id: str
    kind: Literal[
        "handover", "assigned", "assigned_team", "assigned_bot", "unassigned", "returned",
        "copilot_on", "copilot_off", "finished", "reopened", "snoozed", "unsnoozed", "other_bot",
        "late_accept", "late_first_reply", "late_reply",
    ]  # fmt: skip
    at: Position
    moment: int = 0
    by: Actor = SYSTEM
    whom: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One chat session as the fold sees it, known by the message that opened it.

    `waiting_since` says that it waits for a person to accept it, `customer_since` since when words
    of the customer stand unanswered, `held_since` since when the person responsible holds it (µs).
    `widened`: it is offered to more people than its agent's own. `set_by` is who said at our doors
    who is responsible.
    """

    opened_by: str
    opened_at: Position
    mode: Mode
    responsible: Responsible
    finished_at: int | None = None
    waiting_since: int | None = None
    customer_spoke_last: bool = False
    person_spoke_last: bool = False
    last_public_at: Position = ORIGIN
    last_handover: Handover | None = None
    other_bot_warned: bool = False
    customer_since: int | None = None
    held_since: int | None = None
    stretches: tuple[Stretch, ...] = ()
    wait: Wait | None = None
    widened: bool = False
    set_by: Actor | None = None

    @property
    def is_with_people(self) -> bool:
        """True while people answer, or write with the AI's drafts."""
        return self.finished_at is None and self.mode != "ai"

    @property
    def state(self) -> State:
        """The row of the table that it stands in."""
        return self.mode if self.finished_at is None else "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation between two facts: who holds it in the channel, and its latest session.

    `fence` is the act of ours (handover, takeover by reply) whose assignment the channel has not
    confirmed: until then "assigned to the bot" is an old story. `returning`: the same of a return.
    `settled` is the last act confirmed. `assumed`: the assignee is known from a snapshot only.
    `team` is the team that the conversation stands in, which stays when its teammate is taken off.
    """

    newest: tuple[Position, str] = (ORIGIN, "")
    assignee: Assignee | None = None
    assignee_at: Position = ORIGIN
    assumed: bool = False
    team: str | None = None
    fence: str | None = None
    returning: str | None = None
    settled: str | None = None
    settled_at: Position = ORIGIN
    email: bool = False
    deleted: bool = False
    run: Run | None = None

    @property
    def state(self) -> State:
        """The row of the table that the conversation stands in."""
        return self.run.state if self.run else "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one fact did: the thread after it, and the markers it leaves."""

    thread: Thread
    markers: tuple[Marker, ...] = ()


@dataclass(slots=True, kw_only=True)
class Story:
    """A whole conversation folded: every session, every marker with the session it lies in."""

    thread: Thread = field(default_factory=Thread)
    runs: dict[str, Run] = field(default_factory=dict)
    markers: list[tuple[str | None, Marker]] = field(default_factory=list)
