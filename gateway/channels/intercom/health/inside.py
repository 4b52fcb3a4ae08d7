"""Who answers inside the workspace: the AI's seat, Fin, and rules that take conversations away."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gateway.signs import DAY_US, Finding, Signs, counted, summed

# Fewer new conversations than this show no habit.
_HABIT_MIN = 5


def of_seat(signs: Signs) -> Iterator[Finding]:
    seat = signs.seat
    if seat is None or (seat.listed is None and seat.away is None and not seat.removed):
        return  # nobody has told of it yet
    name = seat.name or f"the AI's seat ({seat.id})"
    if seat.removed or seat.listed is False:
        yield Finding(
            ok=False,
            code="bot_removed",
            what=f"{name} is no teammate of the workspace any more: nothing can be said or "
            "assigned as the AI",
            do=f"invite it again and put its new id into bot_admin_id (it is {seat.id})",
        )
        return
    yield Finding(ok=True, code="bot_removed", what=f"the AI answers as {name}")
    if not seat.away:
        yield Finding(ok=True, code="bot_away", what=f"{name} is active")
        return
    yield away(name, reassigns=seat.reassigns is True)


def away(name: str, *, reassigns: bool) -> Finding:
    """Say that the AI's seat is away."""
    consequence = (
        "and its replies are reassigned: Intercom moves conversations off the AI"
        if reassigns
        else "so Intercom's assignment rules pass it by"
    )
    return Finding(
        ok=False,
        code="bot_away",
        what=f"{name} is away, {consequence}",
        do=f"set {name} to active in the Inbox (its picture, Set yourself active)",
    )


def of_fin(signs: Signs) -> Iterator[Finding]:
    passes = signs.since_then(DAY_US)
    if not passes:
        return
    count = summed([one.marks for one in passes]).get("fin", 0)
    if not count:
        yield Finding(ok=True, code="fin", what="Fin took part in no conversation of the last day")
        return
    yield Finding(
        ok=False,
        code="fin",
        what=f"Fin took part in {counted(count, 'conversation')} that changed in the last day, so "
        "customers may hear two AIs",
        do="turn Fin off for the conversations that this AI answers",
    )


def of_workflow(signs: Signs, ai_teams: Collection[str]) -> Iterator[Finding]:
    marks = summed([one.marks for one in signs.passes])
    new = marks.get("new", 0)
    if new < _HABIT_MIN:
        return
    for holder, count in sorted(marks.items(), key=lambda mark: -mark[1]):
        team = holder.removeprefix("new:team:")
        is_team = team != holder and team not in ai_teams
        if (is_team or holder == "new:bot") and count * 2 > new:
            yield taken(count, new, team if is_team else None)
            return
    yield Finding(
        ok=True,
        code="workflow",
        what=f"of {counted(new, 'new conversation')} in 7 days none are kept from the AI by a rule",
    )


def taken(count: int, new: int, team: str | None) -> Finding:
    """Say that new conversations go to a team, or to a bot, where the AI keeps silent."""
    whom = f"team {team} without a teammate" if team else "Fin or another bot"
    return Finding(
        ok=False,
        code="workflow",
        what=f"{count:,} of {counted(new, 'new conversation')} stand with {whom}, where the AI "
        "keeps silent: a workflow or an assignment rule takes them",
        do=f'if the AI shall answer there, set ai_teams = ["{team}"]; if not, take the assignment '
        "out of the workflow"
        if team
        else "turn Fin off for them, or let its workflow assign the AI's seat",
    )
