"""What the core must know of a channel and an agent to decide for them: words, no behaviour."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

from gateway.commands import CommandKind
from gateway.events import Assignee
from gateway.ladder import AWAY, LADDER, NATIVE_LADDER, REMIND_AFTER_S, Rung, WaitStep
from gateway.rules import HandoverRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A channel's decisions on its grey areas (DESIGN.md 3.1); read by the fold.

    `native_assignment`: the channel has assignees of its own, which it tells and confirms.
    """

    native_assignment: bool = True
    answer_when_unassigned: bool = True
    answer_when_assigned: bool = True
    first_mode: Literal["ai", "copilot"] = "ai"
    on_unassigned: Literal["keep", "ai", "human"] = "keep"
    takeover_on_reply: bool = True
    other_bot: Literal["ignore", "human"] = "ignore"
    answer_email: bool = False


def _nowhere(installation: str, conversation: str) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTerms:
    """One configured channel, as the core sees it.

    `pushes` are the commands it can carry out, `ai` the assignee that means "the AI holds it",
    `hand_over_to` whom a gateway-side handover assigns. `drafts` tells whether copilot drafts are
    pushed as notes. A customer's word that is found by reading is answered when younger than
    `answer_late_s`, handed to people when younger than `hand_over_late_s`, history when older.
    `carries_files`: what people inside upload can be sent to its customers, with the words, by our
    own commit.
    `render` makes HTML of a Markdown text of ours; `plain` gives it as plain text the way the
    channel tells it back, by which an echo is recognised.
    `custom_details` are the fields of our own (`custom.<field>`) that the channel keeps as well.
    `tool` is what the channel's own people work in, by its name; empty where they work at our doors
    alone. `in_tool` is the address there of a conversation: of its workspace and its id, as the
    channel names them.
    """

    name: str
    agent: str
    policy: Policy
    pushes: frozenset[CommandKind]
    ai: Assignee
    hand_over_to: Assignee
    drafts: Literal["note", "none"] = "none"
    carries_files: bool = False
    custom_details: Collection[str] = ()
    answer_late_s: float = 900.0
    hand_over_late_s: float = 86_400.0
    plain: Callable[[str], str] = str
    render: Callable[[str], str] = escape
    tool: str = ""
    in_tool: Callable[[str, str], str] = _nowhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """Can somebody come now? `opens_at` says when somebody will, as people read it."""

    open: bool = True
    opens_at: str | None = None

    def welcome(self, agent: AgentTerms) -> str:
        """What a customer is told who was handed over; empty: nothing."""
        return agent.handover_message if self.open else agent.away_message


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTerms:
    """The rules that an agent's answers live under. Times are in seconds.

    `patience_s` bounds the attempts at one turn (given up after that or after two timeouts,
    whichever is later). `operators` (e-mail addresses) and `team` are asked, in this order, when a
    person is needed; `away_message` is said instead of a promise when nobody works. An offer
    stands for `offer_s`. Without a `ladder` of its own the channel's kind decides it.
    `loop_guard_turns` exchanges in a row that look automatic, or more than `max_answers_a_day`
    answers in one session within 24 hours, end in a handover; 0: never.
    """

    name: str
    allow_handover: bool = True
    allow_customer_request: bool = True
    handover_message: str = ""
    handover_conditions: str = ""
    handover_rules: tuple[HandoverRule, ...] = ()
    loop_guard_turns: int = 5
    max_answers_a_day: int = 200
    debounce_s: float = 1.0
    debounce_max_s: float = 10.0
    timeout_s: float = 30.0
    reply_within_s: float = 120.0
    patience_s: float = 20.0
    idle_timeout_s: float = 86_400.0
    idle_timeout_human_s: float = 0.0
    idle_timeout_copilot_s: float = 0.0
    contact_fields: Mapping[str, str] = field(default_factory=dict)
    operators: tuple[str, ...] = ()
    team: str = ""
    routing: Literal["queue", "round_robin"] = "queue"
    email_when_waiting: bool = True
    offer_s: float = 60.0
    ladder: tuple[Rung, ...] = ()
    away_message: str = AWAY

    def idle_after_s(self, mode: str) -> float:
        """After how long without a word a session in this mode is finished; 0: never."""
        by_mode = {"human": self.idle_timeout_human_s, "copilot": self.idle_timeout_copilot_s}
        return by_mode.get(mode, self.idle_timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A channel and the agent that answers in it."""

    channel: ChannelTerms
    agent: AgentTerms

    def rungs(self, step: WaitStep) -> Sequence[Rung]:
        """What is done on a step, in order."""
        native = self.channel.policy.native_assignment
        ladder = self.agent.ladder or (NATIVE_LADDER if native else LADDER)
        return sorted((rung for rung in ladder if rung.step == step), key=lambda one: one.after_s)

    def rung(self, step: WaitStep, number: int) -> Rung:
        """The rung with this number (0: the first); after the last one, reminders go on."""
        rungs = self.rungs(step)
        if number < len(rungs):
            return rungs[number]
        last = rungs[-1].after_s if rungs else 0.0
        after_s = last + REMIND_AFTER_S * (number - len(rungs) + 1)
        return Rung(step=step, after_s=after_s, do="notify")
