"""What each kind of fact does to a thread. The table decides the mode, these do the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from gateway.events import (
    NOBODY,
    SYSTEM,
    Actor,
    Assigned,
    Assignee,
    AssigneeSeen,
    CopilotSet,
    DeadlinePassed,
    Fact,
    HandedBack,
    HandedOver,
    MessageReceived,
    ResponsibleSet,
    Trigger,
)
from gateway.handover.reading import first_mode, held, spoken
from gateway.handover.stretches import passed
from gateway.handover.table import TABLE, Input
from gateway.handover.thread import BY_AI, Handover, Marker, Responsible, Run, Step, Thread
from gateway.policy import Policy


def said(thread: Thread, fact: MessageReceived, policy: Policy) -> Step:
    """Somebody said something in public."""
    thread = replace(thread, email=thread.email or fact.via == "email")
    meant = spoken(fact, policy)
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
            person_spoke_last=fact.author.kind == "operator",
            last_public_at=fact.at,
        )
        return Step(thread=replace(thread, run=run, assignee=thread.assignee or NOBODY))
    run_now = thread.run
    if run_now is None or run_now.finished_at is not None:
        return Step(thread=thread)  # a word before the first session, or after the last one
    run = run_now
    if fact.at >= run.last_public_at:
        run = replace(
            run,
            customer_spoke_last=fact.author.kind == "customer",
            person_spoke_last=fact.author.kind == "operator",
            last_public_at=fact.at,
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
            markers = (marker(fact, "other_bot", fact.author),)
        case _:
            pass
    if move == "take_over":
        holder = _person(fact.author)
        run = _to_people(run, fact, "reply", "", fact.author, holder)
        markers += (marker(fact, "handover", fact.author),)
        # Until the channel agrees that the replying person holds it, the bot's name there is old.
        agreed = _holds(thread, holder) or not policy.native_assignment
        thread = replace(thread, fence=None if agreed else fact.id)
    return Step(thread=replace(thread, run=run), markers=markers)


def assigned(thread: Thread, fact: Assigned, policy: Policy) -> Step:
    """The channel reports an assignment; only a change of assignee acts."""
    before, assumed = thread.assignee, thread.assumed
    changed = before is None or not _same(before, fact.to)
    thread = _hold(thread, fact, fact.to, assumed=False)
    if fact.settles is not None:
        return _confirmed(thread, fact, news=changed or assumed)
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


def _confirmed(thread: Thread, fact: Assigned, *, news: bool) -> Step:
    """Our own assignment arrived in the channel: it changes who holds it there, never the mode.

    `news`: it had not been known that they hold it.
    """
    settles = fact.settles
    overtaken = thread.fence not in (None, settles)  # by a later act of ours, which will arrive too
    thread = replace(
        thread,
        settled=settles,
        settled_at=fact.at,
        fence=None if thread.fence == settles else thread.fence,
        returning=None if thread.returning == settles else thread.returning,
    )
    run = thread.run
    if run is None or run.finished_at is not None or run.mode == "ai" or overtaken:
        return Step(thread=thread)
    holder = _responsible(fact.to)
    if holder.kind != "operator":
        return Step(thread=thread)
    by = run.set_by or (run.last_handover.by if run.last_handover else fact.by)
    run = replace(run, responsible=holder, waiting_since=None)
    told = (_whom(fact, fact.to, by),) if news else ()
    return Step(thread=replace(thread, run=run), markers=told)


def seen(thread: Thread, fact: AssigneeSeen, policy: Policy) -> Step:
    """Who holds it was seen: a snapshot may only silence, a read may also give back."""
    known = thread.assignee
    now = known if known and _only_remains(thread, fact.assignee) else fact.assignee
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
    """True if `now` is just the team that stayed when the teammate was taken off.

    Or when it was given to another bot, of whom the state of a conversation does not tell.
    """
    held = thread.assignee
    if held is None or held.kind not in ("nobody", "bot") or thread.team is None:
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
    meant = held(to, thread.email, policy)
    move = TABLE[thread.state][meant]
    run = thread.run
    if run is None or move == "stay":
        return Step(thread=thread)
    markers: tuple[Marker, ...] = ()
    holder = _responsible(to)
    match move:
        case "take_over":
            run = _to_people(run, fact, "assignee", "", by, holder)
            markers = (marker(fact, "handover", by),)
        case "give_back":
            run = _to_ai(run)
            markers = (marker(fact, "returned", by),)
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


def handed_over(thread: Thread, fact: HandedOver, policy: Policy) -> Step:
    """The gateway gave the session to people, or to one of them."""
    run = thread.run
    if run is None or TABLE[thread.state]["handed_over"] != "take_over":
        return Step(thread=thread)
    run = _to_people(run, fact, fact.trigger, fact.reason, fact.by, _responsible(fact.to))
    markers: tuple[Marker, ...] = (marker(fact, "handover", fact.by),)
    if not policy.native_assignment and fact.to.kind == "operator":
        markers += (_whom(fact, fact.to, fact.by),)
    return Step(thread=_fenced(replace(thread, run=run), fact, policy), markers=markers)


def responsible_set(thread: Thread, fact: ResponsibleSet, policy: Policy) -> Step:
    """Somebody accepted what people hold, was given it, or gave it back to all who wait."""
    run = thread.run
    meant: Input = "released" if fact.how == "released" else "person_set"
    move = TABLE[thread.state][meant]
    if run is None or move == "stay":
        return Step(thread=thread)
    holder = replace(_responsible(fact.to), name=fact.name)
    if move == "release":
        run = replace(run, mode="human", responsible=holder, waiting_since=fact.happened_at)
    else:
        run = replace(run, responsible=holder, waiting_since=None)
    run = replace(run, set_by=fact.by)
    # Where the channel has assignees of its own, the line comes when it shows the new person; that
    # nobody has it any more is so at once.
    later = policy.native_assignment and move == "pass_on"
    told = () if later else (_whom(fact, fact.to, fact.by),)
    return Step(thread=_fenced(replace(thread, run=run), fact, policy), markers=told)


def late(thread: Thread, fact: DeadlinePassed) -> Step:
    """A customer had waited too long for people, and something was done about it."""
    run = thread.run
    if run is None or run.wait is None:
        return Step(thread=thread)
    after = passed(run, fact)
    first = after is not run and run.wait.rung == 0
    told = (marker(fact, f"late_{fact.step}", SYSTEM),) if first else ()
    return Step(thread=replace(thread, run=after), markers=told)


def _fenced(thread: Thread, fact: Fact, policy: Policy) -> Thread:
    """Until the channel confirms our assignment, what it tells of the assignee is old."""
    fence = fact.id if policy.native_assignment and thread.settled != fact.id else None
    return replace(thread, fence=fence, returning=None)


def handed_back(thread: Thread, fact: HandedBack, policy: Policy) -> Step:
    """A person put the AI back in charge through our doors."""
    run = thread.run
    refused = thread.email and not policy.answer_email
    if run is None or refused or TABLE[thread.state]["handed_back"] != "give_back":
        return Step(thread=thread)
    unsettled = policy.native_assignment and thread.settled != fact.id
    returning = fact.id if unsettled else None
    return Step(
        thread=replace(thread, run=_to_ai(run), fence=None, returning=returning),
        markers=(marker(fact, "returned", fact.by),),
    )


def copilot(thread: Thread, fact: CopilotSet, policy: Policy) -> Step:
    """An operator took the session, with or without drafts."""
    run = thread.run
    move = TABLE[thread.state]["copilot_on" if fact.on else "copilot_off"]
    if run is None or move == "stay":
        return Step(thread=thread)
    news = run.responsible.id != fact.by.id
    run = replace(
        run,
        mode="copilot" if move == "draft" else "human",
        responsible=_person(fact.by),
        waiting_since=None,
        set_by=fact.by,
    )
    markers: tuple[Marker, ...] = (
        marker(fact, "copilot_on" if fact.on else "copilot_off", fact.by),
    )
    if news and not policy.native_assignment:
        markers += (marker(fact, "assigned", fact.by, fact.by.id),)
    return Step(thread=_fenced(replace(thread, run=run), fact, policy), markers=markers)


def ended(thread: Thread, fact: Fact, by: Actor) -> Step:
    """The session is over."""
    run = thread.run
    if run is None or TABLE[thread.state]["ended"] != "end":
        return Step(thread=thread)
    run = replace(run, finished_at=fact.happened_at, waiting_since=None)
    return Step(
        thread=replace(thread, run=run, fence=None, returning=None),
        markers=(marker(fact, "finished", by),),
    )


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
        set_by=None,
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


def marker(fact: Fact, kind: Any, by: Actor, whom: str | None = None) -> Marker:
    """The line that a fact leaves between messages."""
    return Marker(
        id=f"{fact.id}:{kind}", kind=kind, at=fact.at, moment=fact.happened_at, by=by, whom=whom
    )


def _whom(fact: Fact, to: Assignee, by: Actor) -> Marker:
    kinds = {"operator": "assigned", "team": "assigned_team", "bot": "assigned_bot"}
    return marker(fact, kinds.get(to.kind, "unassigned"), by, to.id)
