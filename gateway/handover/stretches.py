"""What people made of a session: the stretches in which they held it, and who waits for them."""

from __future__ import annotations

from dataclasses import replace

from gateway.events import DeadlinePassed, Fact, MessageReceived
from gateway.handover.thread import Run, Stretch, Wait

# Handed to people so that somebody comes, not because somebody came by himself.
_CALLED = ("manual", "automatic", "customer_request", "fault", "rule")


def told(before: Run | None, run: Run, fact: Fact) -> Run:
    """The run with its stretches and what its customer waits for, after one fact.

    `before` is the same run before the fact, None if the fact opened it.
    """
    run = _heard(run, fact)
    run = _stretched(before, run, fact)
    wait, known = _wait(run), run.wait
    if wait and known and (wait.step, wait.since) == (known.step, known.since):
        return run
    return run if wait == known else replace(run, wait=wait)


def passed(run: Run, fact: DeadlinePassed) -> Run:
    """The run after something was done about a wait; of a wait that is over nothing changes."""
    wait = run.wait
    if wait is None or (wait.step, wait.since) != (fact.step, fact.since):
        return run
    return replace(
        run,
        wait=replace(wait, rung=wait.rung + 1),
        widened=run.widened or fact.did == "widen",
    )


def _heard(run: Run, fact: Fact) -> Run:
    """Since when the customer's words stand unanswered."""
    if not isinstance(fact, MessageReceived):
        return run
    match fact.author.kind:
        case "customer" if run.customer_since is None:
            return replace(run, customer_since=fact.happened_at)
        case "operator" if run.customer_since is not None:
            return replace(run, customer_since=None)
        # Among people, a word of the AI's was on its way already and answers nothing.
        case "ai" | "bot" if run.mode == "ai" and run.customer_since is not None:
            return replace(run, customer_since=fact.unread_since)
        case _:
            return run


def _stretched(before: Run | None, run: Run, fact: Fact) -> Run:
    at = fact.happened_at
    stretches = run.stretches
    if not run.is_with_people:
        if stretches and stretches[-1].ended_at is None:
            stretches = (*stretches[:-1], replace(stretches[-1], ended_at=at))
            run = replace(run, stretches=stretches)
        return replace(run, held_since=None, widened=False) if run.held_since else run
    if not stretches or stretches[-1].ended_at is not None:
        handover = run.last_handover
        if before is not None and before.last_handover == handover:
            handover = None  # it began among people, or an operator took the copilot's seat
        stretches = (*stretches, Stretch(began_at=at, handover=handover))
    stretch = stretches[-1]
    holder = run.responsible
    held = holder.kind == "operator"
    if held and stretch.accepted_at is None:
        stretch = replace(stretch, accepted_at=at, accepted_by=holder)
    spoke = isinstance(fact, MessageReceived) and fact.author.kind == "operator"
    if spoke and stretch.first_reply_at is None:
        stretch = replace(stretch, first_reply_at=at)
    changed_hands = before is None or before.responsible.id != holder.id or run.held_since is None
    held_since = (at if changed_hands else run.held_since) if held else None
    stretches = (*stretches[:-1], stretch)
    if (stretches, held_since) == (run.stretches, run.held_since):
        return run
    return replace(run, stretches=stretches, held_since=held_since)


def _wait(run: Run) -> Wait | None:
    """What the customer waits for, if for anything; another bot's customers are not ours."""
    if not run.is_with_people or run.responsible.kind == "bot":
        return None
    if run.responsible.kind != "operator":
        since = run.waiting_since if run.mode == "human" else run.customer_since
        return None if since is None else Wait(step="accept", since=since)
    stretch, held_since = run.stretches[-1], run.held_since or run.stretches[-1].began_at
    if stretch.first_reply_at is None:
        called = stretch.handover is not None and stretch.handover.trigger in _CALLED
        if called:
            return Wait(step="first_reply", since=held_since)
        if run.customer_since is not None:
            return Wait(step="first_reply", since=max(held_since, run.customer_since))
        return None
    return None if run.customer_since is None else Wait(step="reply", since=run.customer_since)
