"""Who is in charge: mode, responsible and the cuts between sessions, as one pure fold over facts.

`TABLE` is total: every mode meets every input, and `fold` has no other opinion about modes.
A conversation's facts, folded in the order of their positions, always give the same threads,
sessions and markers, however often and in whatever order they arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, assert_never

from gateway.events import (
    NOBODY,
    ORIGIN,
    SYSTEM,
    Actor,
    Assigned,
    Assignee,
    AssigneeSeen,
    Closed,
    ConversationDeleted,
    CopilotSet,
    Fact,
    Finished,
    HandedBack,
    HandedOver,
    MessageReceived,
    NoteAdded,
    Position,
    Reopened,
    Snoozed,
    Trigger,
)
from gateway.policy import Policy

Mode = Literal["ai", "human", "copilot"]
State = Literal["none", "ai", "human", "copilot", "finished"]
Input = Literal[
    "customer_spoke",
    "operator_spoke",
    "operator_took_over",
    "ai_spoke",
    "other_bot_spoke",
    "to_ai",
    "to_person",
    "to_nobody",
    "handed_over",
    "handed_back",
    "copilot_on",
    "copilot_off",
    "ended",
    "aside",
]
Move = Literal["stay", "open", "open_human", "take_over", "hold", "give_back", "draft", "end"]

# What each move does to the mode; "stay" and "hold" leave it, "open" asks the assignee.
# fmt: off
TABLE: Mapping[State, Mapping[Input, Move]] = {
    "none": {
        "customer_spoke": "open",
        "operator_spoke": "open_human", "operator_took_over": "open_human",
        "ai_spoke": "stay",         "other_bot_spoke": "stay",
        "to_ai": "stay",            "to_person": "stay",            "to_nobody": "stay",
        "handed_over": "stay",      "handed_back": "stay",
        "copilot_on": "stay",       "copilot_off": "stay",
        "ended": "stay",            "aside": "stay",
    },
    "ai": {
        "customer_spoke": "stay",
        "operator_spoke": "stay", "operator_took_over": "take_over",
        "ai_spoke": "stay",         "other_bot_spoke": "stay",
        "to_ai": "hold",            "to_person": "take_over",       "to_nobody": "hold",
        "handed_over": "take_over", "handed_back": "stay",
        "copilot_on": "draft",      "copilot_off": "stay",
        "ended": "end",             "aside": "stay",
    },
    "human": {
        "customer_spoke": "stay",
        "operator_spoke": "stay", "operator_took_over": "stay",
        "ai_spoke": "stay",         "other_bot_spoke": "stay",
        "to_ai": "give_back",       "to_person": "hold",            "to_nobody": "hold",
        "handed_over": "stay",      "handed_back": "give_back",
        "copilot_on": "draft",      "copilot_off": "stay",
        "ended": "end",             "aside": "stay",
    },
    "copilot": {
        "customer_spoke": "stay",
        "operator_spoke": "stay", "operator_took_over": "stay",
        "ai_spoke": "stay",         "other_bot_spoke": "stay",
        "to_ai": "give_back",       "to_person": "take_over",       "to_nobody": "hold",
        "handed_over": "take_over", "handed_back": "give_back",
        "copilot_on": "draft",      "copilot_off": "take_over",
        "ended": "end",             "aside": "stay",
    },
    "finished": {
        "customer_spoke": "open",
        "operator_spoke": "stay", "operator_took_over": "stay",
        "ai_spoke": "stay",         "other_bot_spoke": "stay",
        "to_ai": "stay",            "to_person": "stay",            "to_nobody": "stay",
        "handed_over": "stay",      "handed_back": "stay",
        "copilot_on": "stay",       "copilot_off": "stay",
        "ended": "stay",            "aside": "stay",
    },
}
# fmt: on


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
class Marker:
    """A line between messages in the history. Worded when it is read, so names stay true."""

    id: str
    kind: Literal[
        "handover", "assigned", "assigned_team", "assigned_bot", "unassigned", "returned",
        "copilot_on", "copilot_off", "finished", "reopened", "snoozed", "unsnoozed", "other_bot",
    ]  # fmt: skip
    at: Position
    moment: int = 0
    by: Actor = SYSTEM
    whom: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One chat session as the fold sees it, known by the message that opened it."""

    opened_by: str
    opened_at: Position
    mode: Mode
    responsible: Responsible
    finished_at: int | None = None
    waiting_since: int | None = None
    customer_spoke_last: bool = False
    last_public_at: Position = ORIGIN
    last_handover: Handover | None = None
    other_bot_warned: bool = False

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


def fold(facts: Iterable[Fact], policy: Policy) -> Story:
    """Fold all of a conversation's facts."""
    story = Story()
    for fact in sorted(facts, key=place):
        step = apply(story.thread, fact, policy)
        story.thread = step.thread
        run = step.thread.run
        if run:
            story.runs[run.opened_by] = run
        story.markers.extend((run.opened_by if run else None, marker) for marker in step.markers)
    return story


def apply(thread: Thread, fact: Fact, policy: Policy) -> Step:
    """Apply one fact that is not older than any before it."""
    thread = replace(thread, newest=max(thread.newest, place(fact)))
    match fact:
        case MessageReceived():
            return _said(thread, fact, policy)
        case Assigned():
            return _assigned(thread, fact, policy)
        case AssigneeSeen():
            return _seen(thread, fact, policy)
        case HandedOver():
            return _handed_over(thread, fact)
        case HandedBack():
            return _handed_back(thread, fact, policy)
        case CopilotSet():
            return _copilot(thread, fact)
        case Closed() | Finished():
            return _ended(thread, fact, fact.by)
        case ConversationDeleted():
            return _ended(replace(thread, deleted=True), fact, SYSTEM)
        case Reopened():
            return Step(thread=thread, markers=(_marker(fact, "reopened", fact.by),))
        case Snoozed():
            kind: Literal["snoozed", "unsnoozed"] = "snoozed" if fact.on else "unsnoozed"
            return Step(thread=thread, markers=(_marker(fact, kind, fact.by),))
        case NoteAdded():
            return Step(thread=thread)
        case _:
            assert_never(fact)


def place(fact: Fact) -> tuple[Position, str]:
    """What facts are sorted by: the position, and the id where two share one."""
    return fact.at, fact.id


def is_neutral(fact: Fact, thread: Thread) -> bool:
    """True if a late `fact` changes nothing in `thread`, so nothing need be folded again."""
    match fact:
        case MessageReceived():
            # The bot's own word, unless it would be the last public one.
            run = thread.run
            heard = run is not None and fact.at < run.last_public_at
            return fact.author.kind == "ai" and heard and (thread.email or fact.via != "email")
        case NoteAdded():
            return True
        case _:
            return False


def is_idle(fact: Fact, thread: Thread) -> bool:
    """True for a snapshot that can never act, whatever is still to be heard from before it.

    Once the assignee is known, a snapshot may only move towards silence.
    """
    return (
        isinstance(fact, AssigneeSeen)
        and not fact.read
        and fact.assignee.kind in ("ai", "nobody")
        and thread.assignee is not None
        and place(fact) >= thread.newest
    )


def first_mode(assignee: Assignee | None, email: bool, policy: Policy) -> Mode:
    """The mode in which a customer's message opens a session."""
    if email and not policy.answer_email:
        return "human"
    kind = assignee.kind if assignee else "nobody"
    answers = {"ai": policy.answer_when_assigned, "nobody": policy.answer_when_unassigned}
    return policy.first_mode if answers.get(kind, False) else "human"


# -- the moves -------------------------------------------------------------------------------------


def _said(thread: Thread, fact: MessageReceived, policy: Policy) -> Step:
    thread = replace(thread, email=thread.email or fact.via == "email")
    meant = _spoken(fact, policy)
    move = TABLE[thread.state][meant]
    if move == "open":
        return Step(
            thread=replace(thread, run=_open(thread, fact, policy), fence=None, returning=None)
        )
    if move == "open_human":
        holder = _responsible(thread.assignee) if thread.assignee else None
        if holder is None or holder.kind != "operator":
            holder = _person(fact.author)
        run = Run(
            opened_by=fact.id,
            opened_at=fact.at,
            mode="human",
            responsible=holder,
            last_public_at=fact.at,
        )
        return Step(thread=replace(thread, run=run, assignee=thread.assignee or NOBODY))
    run_now = thread.run
    if run_now is None or run_now.finished_at is not None:
        return Step(thread=thread)  # a word before the first session, or after the last one
    run = run_now
    if fact.at >= run.last_public_at:
        run = replace(
            run, customer_spoke_last=fact.author.kind == "customer", last_public_at=fact.at
        )
    markers: tuple[Marker, ...] = ()
    match meant:
        case "customer_spoke":
            waits = run.mode == "human" and run.responsible.kind == "unassigned"
            if waits and run.waiting_since is None:
                run = replace(run, waiting_since=fact.happened_at)
        case "operator_spoke" | "operator_took_over":
            run = replace(run, waiting_since=None)
        case "other_bot_spoke" if run.mode == "ai" and not run.other_bot_warned:
            run = replace(run, other_bot_warned=True)
            markers = (_marker(fact, "other_bot", fact.author),)
        case _:
            pass
    if move == "take_over":
        holder = _person(fact.author)
        run = _to_people(run, fact, "reply", "", fact.author, holder)
        markers += (_marker(fact, "handover", fact.author),)
        # Until the channel agrees that the replying person holds it, the bot's name there is old.
        thread = replace(thread, fence=None if _holds(thread, holder) else fact.id)
    return Step(thread=replace(thread, run=run), markers=markers)


def _assigned(thread: Thread, fact: Assigned, policy: Policy) -> Step:
    before, assumed = thread.assignee, thread.assumed
    changed = before is None or not _same(before, fact.to)
    thread = _hold(thread, fact, fact.to, assumed=False)
    if fact.settles is not None:
        return _confirmed(thread, fact)
    if not changed:
        # A snapshot may have told it already; now we also know who did it.
        told = (_whom(fact, fact.to, fact.by),) if assumed and thread.state == "human" else ()
        return Step(thread=thread, markers=told)
    if fact.to.kind == "ai" and (thread.fence is not None or _by_itself(thread, fact)):
        return Step(thread=thread)
    return _move_to(replace(thread, fence=None, returning=None), fact, fact.to, fact.by, policy)


def _by_itself(thread: Thread, fact: Assigned) -> bool:
    """The bot's seat assigned itself: a channel does so when the seat writes where nobody holds.

    Only people put the AI back in charge, so in their session it changes nothing.
    """
    return fact.by.kind == "ai" and thread.state in ("human", "copilot")


def _confirmed(thread: Thread, fact: Assigned) -> Step:
    """Our own assignment arrived in the channel: it changes who holds it there, never the mode."""
    settles = fact.settles
    thread = replace(
        thread,
        settled=settles,
        settled_at=fact.at,
        fence=None if thread.fence == settles else thread.fence,
        returning=None if thread.returning == settles else thread.returning,
    )
    run = thread.run
    if run is None or run.finished_at is not None or run.mode == "ai":
        return Step(thread=thread)
    holder = _responsible(fact.to)
    if holder.kind != "operator":
        return Step(thread=thread)
    run = replace(run, responsible=holder, waiting_since=None)
    by = run.last_handover.by if run.last_handover else fact.by
    return Step(thread=replace(thread, run=run), markers=(_whom(fact, fact.to, by),))


def _seen(thread: Thread, fact: AssigneeSeen, policy: Policy) -> Step:
    known = thread.assignee
    now = NOBODY if _only_remains(thread, fact.assignee) else fact.assignee
    silent = now.kind in ("operator", "team", "bot")
    if known is None:
        thread = _hold(thread, fact, now, assumed=silent)
        return Step(thread=_decide_first_mode(thread, policy))
    changed = not _same(known, now)
    if not fact.read and not silent:
        return Step(thread=thread)
    if not changed:
        # The AI in charge of what a person holds, with no hand-back of ours on its way: be silent.
        contradiction = fact.read and silent and thread.state == "ai" and thread.returning is None
        if not contradiction:
            return Step(thread=thread)
    thread = _hold(thread, fact, now, assumed=not fact.read)
    if now.kind == "ai" and thread.fence is not None:
        return Step(thread=thread)
    if fact.read:
        thread = replace(thread, fence=None if silent else thread.fence)
    return _move_to(thread, fact, now, SYSTEM, policy)


def _hold(thread: Thread, fact: Fact, to: Assignee, *, assumed: bool) -> Thread:
    """The thread with its new assignee. Assigning a teammate, or nobody, keeps the team."""
    team = to.id if to.kind == "team" else to.team or thread.team
    return replace(thread, assignee=to, assignee_at=fact.at, assumed=assumed, team=team)


def _only_remains(thread: Thread, now: Assignee) -> bool:
    """True if `now` is just the team that stayed when the teammate was taken off."""
    if thread.assignee is None or thread.assignee.kind != "nobody" or thread.team is None:
        return False
    return (now.kind, now.id, now.team) in (
        ("team", thread.team, now.team),
        ("ai", None, thread.team),  # a team that the AI answers for
    )


def _decide_first_mode(thread: Thread, policy: Policy) -> Thread:
    """The first thing heard of the assignee also says in which mode the session had begun."""
    run = thread.run
    if run is None or run.finished_at is not None or run.last_handover is not None:
        return thread
    mode = first_mode(thread.assignee, thread.email, policy)
    holder = _responsible(thread.assignee) if mode == "human" else BY_AI
    waiting = run.opened_at.at if mode == "human" and holder.kind == "unassigned" else None
    return replace(thread, run=replace(run, mode=mode, responsible=holder, waiting_since=waiting))


def _move_to(thread: Thread, fact: Fact, to: Assignee, by: Actor, policy: Policy) -> Step:
    meant = _held(to, thread.email, policy)
    move = TABLE[thread.state][meant]
    run = thread.run
    if run is None or move == "stay":
        return Step(thread=thread)
    markers: tuple[Marker, ...] = ()
    holder = _responsible(to)
    match move:
        case "take_over":
            run = _to_people(run, fact, "assignee", "", by, holder)
            markers = (_marker(fact, "handover", by),)
        case "give_back":
            run = _to_ai(run)
            markers = (_marker(fact, "returned", by),)
        case "hold" if meant == "to_ai":
            run = replace(run, responsible=BY_AI)
        case "hold":
            waiting = run.waiting_since
            if run.mode == "human":
                waiting = (waiting or fact.happened_at) if holder.kind == "unassigned" else None
            run = replace(run, responsible=holder, waiting_since=waiting)
        case _:
            pass
    if to.kind != "ai" and not (to.kind != "nobody" and thread.assumed):
        markers += (_whom(fact, to, by),)
    return Step(thread=replace(thread, run=run), markers=markers)


def _handed_over(thread: Thread, fact: HandedOver) -> Step:
    run = thread.run
    if run is None or TABLE[thread.state]["handed_over"] != "take_over":
        return Step(thread=thread)
    run = _to_people(run, fact, fact.trigger, fact.reason, fact.by, _responsible(fact.to))
    fence = None if thread.settled == fact.id else fact.id
    return Step(
        thread=replace(thread, run=run, fence=fence, returning=None),
        markers=(_marker(fact, "handover", fact.by),),
    )


def _handed_back(thread: Thread, fact: HandedBack, policy: Policy) -> Step:
    run = thread.run
    refused = thread.email and not policy.answer_email
    if run is None or refused or TABLE[thread.state]["handed_back"] != "give_back":
        return Step(thread=thread)
    returning = None if thread.settled == fact.id else fact.id
    return Step(
        thread=replace(thread, run=_to_ai(run), fence=None, returning=returning),
        markers=(_marker(fact, "returned", fact.by),),
    )


def _copilot(thread: Thread, fact: CopilotSet) -> Step:
    run = thread.run
    move = TABLE[thread.state]["copilot_on" if fact.on else "copilot_off"]
    if run is None or move == "stay":
        return Step(thread=thread)
    run = replace(
        run,
        mode="copilot" if move == "draft" else "human",
        responsible=_person(fact.by),
        waiting_since=None,
    )
    fence = None if thread.settled == fact.id else fact.id
    marker = _marker(fact, "copilot_on" if fact.on else "copilot_off", fact.by)
    return Step(thread=replace(thread, run=run, fence=fence, returning=None), markers=(marker,))


def _ended(thread: Thread, fact: Fact, by: Actor) -> Step:
    run = thread.run
    if run is None or TABLE[thread.state]["ended"] != "end":
        return Step(thread=thread)
    run = replace(run, finished_at=fact.happened_at, waiting_since=None)
    return Step(
        thread=replace(thread, run=run, fence=None, returning=None),
        markers=(_marker(fact, "finished", by),),
    )


# -- reading a fact --------------------------------------------------------------------------------


def _spoken(fact: MessageReceived, policy: Policy) -> Input:
    match fact.author.kind:
        case "customer":
            return "customer_spoke"
        case "operator":
            return "operator_took_over" if policy.takeover_on_reply else "operator_spoke"
        case "ai":
            return "ai_spoke"
        case "bot":
            return "operator_took_over" if policy.other_bot == "human" else "other_bot_spoke"
        case "system":
            return "aside"
        case _:
            assert_never(fact.author.kind)


def _held(to: Assignee, email: bool, policy: Policy) -> Input:
    if to.kind == "ai":
        return "to_person" if email and not policy.answer_email else "to_ai"
    if to.kind != "nobody":
        return "to_person"
    meant: dict[str, Input] = {"keep": "to_nobody", "ai": "to_ai", "human": "to_person"}
    return meant[policy.on_unassigned]


def _open(thread: Thread, fact: MessageReceived, policy: Policy) -> Run:
    mode = first_mode(thread.assignee, thread.email, policy)
    holder = _responsible(thread.assignee) if mode == "human" else BY_AI
    return Run(
        opened_by=fact.id,
        opened_at=fact.at,
        mode=mode,
        responsible=holder,
        waiting_since=fact.happened_at if mode == "human" and holder.kind == "unassigned" else None,
        customer_spoke_last=True,
        last_public_at=fact.at,
    )


def _to_people(
    run: Run, fact: Fact, trigger: Trigger, reason: str, by: Actor, holder: Responsible
) -> Run:
    return replace(
        run,
        mode="human",
        responsible=holder,
        waiting_since=fact.happened_at if holder.kind == "unassigned" else None,
        last_handover=Handover(trigger=trigger, reason=reason, by=by, at=fact.happened_at),
    )


def _to_ai(run: Run) -> Run:
    return replace(run, mode="ai", responsible=BY_AI, waiting_since=None)


def _responsible(assignee: Assignee | None) -> Responsible:
    match assignee:
        case Assignee(kind="operator"):
            return Responsible(kind="operator", id=assignee.id, team=assignee.team)
        case Assignee(kind="bot"):
            return Responsible(kind="bot", id=assignee.id)
        case Assignee(kind="team"):
            return Responsible(kind="unassigned", team=assignee.id)
        case _:
            return Responsible(kind="unassigned", team=assignee.team if assignee else None)


def _person(author: Actor) -> Responsible:
    kind: Literal["bot", "operator"] = "bot" if author.kind == "bot" else "operator"
    return Responsible(kind=kind, id=author.id, name=author.name)


def _holds(thread: Thread, holder: Responsible) -> bool:
    held = thread.assignee
    return held is not None and held.kind == holder.kind and held.id == holder.id


def _same(one: Assignee, other: Assignee) -> bool:
    """A teammate beats a team, so the team behind a teammate makes no difference."""
    return one.kind == other.kind and one.id == other.id


def _marker(fact: Fact, kind: Any, by: Actor, whom: str | None = None) -> Marker:
    return Marker(
        id=f"{fact.id}:{kind}", kind=kind, at=fact.at, moment=fact.happened_at, by=by, whom=whom
    )


def _whom(fact: Fact, to: Assignee, by: Actor) -> Marker:
    kinds = {"operator": "assigned", "team": "assigned_team", "bot": "assigned_bot"}
    return _marker(fact, kinds.get(to.kind, "unassigned"), by, to.id)
