"""Intercom's own rules for whoever takes its notifications, and whether we are within them.

All from its documentation (docs/references/webhooks): 500 ms for normal priority, 5 s for an
answer at all, one retry after a minute, a pause after 1,000 errors in a row within 15 minutes,
suspension after 7 days of errors.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gateway.channels.intercom.people import Seats
from gateway.channels.intercom.topics import missing
from gateway.signs import DAY_US, MINUTE_US, Answers, Finding, Signs, counted, lasting, summed

CODES = (
    "workspace", "token", "unreachable", "silent", "topics", "errors", "suspended",
    "slow_answers", "clock", "bot_removed", "bot_away", "fin", "workflow",
)  # fmt: skip

PAUSE_AFTER = 1_000
SUSPENDED_AFTER_US = 7 * DAY_US
_WARN_AFTER = 100
_WARN_OF_SUSPENSION_US = DAY_US
# Echoes of our own messages are recognised by their time, this many seconds either way; the
# header that tells Intercom's time has whole seconds.
SKEW_MAX_S = 5.0
# Fewer than this in a day are strays, not a broken door.
_ERRORS_MIN = 10
_SLOW_SHARE, _SLOW_MIN = 0.05, 20
# In how many minutes something must usually have come: then chance is under 1 in 100,000.
_SILENT_MINUTES = 12.0
_PROOFS = 3
_PROVEN_SILENT_US = 15 * MINUTE_US
_HABIT_MIN = 5
_UNREACHABLE_US = 10 * MINUTE_US
_SUBSCRIPTION = (
    "in the Developer Hub, Webhooks: is the subscription live, is the address {}, "
    "does a test request arrive?"
)


def judge(signs: Signs, *, seats: Seats) -> list[Finding]:
    """Apply Intercom's rules to what is known."""
    return [
        *_of_workspace(signs),
        *_of_trouble(signs),
        *_of_silence(signs),
        *_of_topics(signs),
        *_of_errors(signs),
        *_of_suspension(signs),
        *_of_answers(signs),
        *([of_skew(signs.skew_s)] if signs.skew_s is not None else ()),
        *_of_seat(signs),
        *_of_fin(signs),
        *_of_workflow(signs, seats.ai_teams),
    ]


# -- the other side ----------------------------------------------------------------------------


def _of_workspace(signs: Signs) -> Iterator[Finding]:
    if not signs.token_of or not signs.pinned:
        return
    if signs.token_of == signs.pinned:
        what = f"notifications and access token are of the same workspace, {signs.pinned}"
        yield Finding(ok=True, code="workspace", what=what)
        return
    yield Finding(
        ok=False,
        code="workspace",
        what=f"the access token opens workspace {signs.token_of}, notifications are taken from "
        f"{signs.pinned}: what the AI says goes to the wrong place",
        do=f"use a token of {signs.pinned}, or set app_id and the webhook to {signs.token_of}",
    )


def _of_trouble(signs: Signs) -> Iterator[Finding]:
    trouble = signs.trouble
    refused = trouble is not None and trouble.status in (401, 403)
    if trouble is None or not refused:
        yield Finding(ok=True, code="token", what="Intercom has not refused the access token")
    else:
        yield Finding(
            ok=False,
            code="token",
            since=trouble.since,
            what=f"Intercom refuses the access token, for "
            f"{lasting(signs.now - trouble.since)} now ({trouble.message}): nothing can be sent",
            do="put a valid token into access_token (Developer Hub > your app > Authentication) "
            "and restart"
            if trouble.status == 401
            else "tick the permission in the Developer Hub and save",
        )
    if trouble is None or refused or signs.now - trouble.since < _UNREACHABLE_US:
        yield Finding(ok=True, code="unreachable", what="Intercom's API can be reached")
    else:
        yield Finding(
            ok=False,
            code="unreachable",
            since=trouble.since,
            what=f"Intercom's API has not answered as it should for "
            f"{lasting(signs.now - trouble.since)}: {trouble.message}",
            do="see https://www.intercomstatus.com, and whether this machine reaches the API "
            "(base_url, region, HTTPS_PROXY)",
        )


# -- what is heard -----------------------------------------------------------------------------


def _of_silence(signs: Signs) -> Iterator[Finding]:
    silence, lost = signs.silence, _lost_since(signs)
    since = silence.since if silence is not None else signs.known_since
    if not signs.up_to_date and signs.known_since is not None:
        yield Finding(
            ok=True,
            code="silent",
            what="what has come is not added up yet",
            do="if it stays so, see whether a worker for sync runs (/readyz)",
        )
        return
    unusual = silence is not None and (silence.minutes or 0.0) >= _SILENT_MINUTES
    proven = lost >= _PROOFS and signs.now - (since or 0) >= _PROVEN_SILENT_US
    if not unusual and not proven:
        what = "no notification has come yet"
        if silence is not None:
            what = f"the last notification came {lasting(signs.now - silence.since)} ago"
        yield Finding(ok=True, code="silent", what=what)
        return
    what = "no notification has ever come"
    if silence is not None:
        what = f"no notification for {lasting(signs.now - silence.since)}"
        if silence.notifications is not None:
            usual = f"about {silence.notifications:,.0f}" if silence.notifications >= 1 else "few"
            what += f"; at this time of the week usually {usual} come in so long"
    if lost:
        what += f"; reading Intercom found {counted(lost, 'thing')} meanwhile that one should "
        what += "have told"
    yield Finding(
        ok=False, code="silent", since=since, what=what, do=_SUBSCRIPTION.format(signs.address)
    )


def _lost_since(signs: Signs) -> int:
    """What passes found that no notification had told, since the last one that came."""
    since = signs.silence.since if signs.silence is not None else 0
    drift = [one.drift for one in signs.passes if one.began_at >= since]
    return sum(summed(drift).values())


def _of_topics(signs: Signs) -> Iterator[Finding]:
    if not signs.topics:
        return
    drift = summed([one.drift for one in signs.passes])
    gone = missing(signs.topics, drift, signs.now)
    if not gone:
        yield Finding(
            ok=True,
            code="topics",
            what=f"{counted(len(signs.topics), 'topic')} of notifications came, and nothing shows "
            "that one is missing",
        )
        return
    yield Finding(
        ok=False,
        code="topics",
        what="; ".join(f"{topic} never came, {why}" for topic, why in gone.items()),
        do=f"in the Developer Hub, Webhooks, tick {', '.join(gone)}",
    )


# -- what we answer ----------------------------------------------------------------------------


def _of_errors(signs: Signs) -> Iterator[Finding]:
    row = signs.in_a_row
    if row.errors < _WARN_AFTER:
        yield Finding(
            ok=True,
            code="errors",
            what="notifications are answered well"
            if not row.errors
            else f"{counted(row.errors, 'error')} in a row in the last 15 min ({_by_kind(row)}); "
            f"Intercom pauses after {PAUSE_AFTER:,}",
        )
        return
    left = PAUSE_AFTER - row.errors
    what = (
        f"{counted(row.errors, 'notification')} in a row got an error in the last 15 min "
        f"({_by_kind(row)}), and none was answered well"
    )
    healed = (
        "; reconciling fetches what is lost"
        if signs.reconcile_every_s
        else "; what is lost stays unknown while reconcile_every_s is 0"
    )
    if left > 0:
        what += f": {left:,} more and Intercom pauses for 15 min and drops what happens meanwhile"
    else:
        what += ": Intercom has paused, and drops what happens for 15 min at a time" + healed
    yield Finding(
        ok=False,
        code="errors",
        since=signs.failing.since if signs.failing else None,
        what=what,
        do=_remedy(row, signs.address),
    )


def _of_suspension(signs: Signs) -> Iterator[Finding]:
    failing = signs.failing
    if (
        failing is None
        or failing.errors < _ERRORS_MIN
        or failing.last_at - failing.since < _WARN_OF_SUSPENSION_US
    ):
        yield Finding(
            ok=True, code="suspended", what="nothing that Intercom would suspend notifications for"
        )
        return
    what = (
        f"for {lasting(signs.now - failing.since)} every notification has got an error "
        f"({counted(failing.errors, 'error')})"
    )
    left = failing.since + SUSPENDED_AFTER_US - signs.now
    if left > 0:
        what += f"; Intercom suspends them after 7 days: {lasting(left)} left"
        do = _remedy(signs.in_a_row, signs.address)
    else:
        what += ": by its rule of 7 days Intercom has suspended them"
        do = "put right what the errors are, then press Set live in the Developer Hub (Webhooks)"
    yield Finding(ok=False, code="suspended", since=failing.since, what=what, do=do)


def _of_answers(signs: Signs) -> Iterator[Finding]:
    hour = signs.last_hour
    over = hour.slow + hour.late
    slow = hour.kept >= _SLOW_MIN and over >= _SLOW_SHARE * hour.kept
    if not hour.late and not slow:
        yield Finding(
            ok=True,
            code="slow_answers",
            what=f"{counted(hour.in_time, 'notification')} in the last hour answered within 500 ms"
            + (f", {hour.slow:,} later" if hour.slow else ""),
        )
        return
    longest = f"the slowest took {hour.longest_us / 1e6:.1f} s"
    if hour.late:
        what = (
            f"{counted(hour.late, 'notification')} in the last hour took us over 5 s to answer "
            f"({longest}): Intercom counts that as an error, sends it once more and then drops it"
        )
    else:
        what = (
            f"{over:,} of {counted(hour.kept, 'notification')} in the last hour took us over "
            f"500 ms to answer ({longest}): Intercom gives such an address a lower priority"
        )
    yield Finding(
        ok=False,
        code="slow_answers",
        what=what,
        do="look at the database first (its disk, locks, connections), then at the CPU of the web "
        'processes; gateway_request_seconds{door="webhooks"} shows when it began',
    )


def _by_kind(row: Answers) -> str:
    kinds = {
        "401": row.refused, "4xx": row.unreadable, "5xx": row.failed, "over 5 s": row.late,
    }  # fmt: skip
    return ", ".join(f"{count:,} times {kind}" for kind, count in kinds.items() if count)


def _remedy(row: Answers, address: str) -> str:
    worst = max(("refused", "unreadable", "failed", "late"), key=lambda kind: getattr(row, kind))
    match worst if row.errors else "":
        case "refused":
            return (
                "the signature does not hold: copy the client secret from the Developer Hub "
                "(Basic information) into client_secret and restart; see that no proxy changes "
                "the body"
            )
        case "unreadable":
            return f"see that a proxy passes bodies to {address} as they come, up to 10 MiB"
        case "failed":
            return (
                "they could not be kept: see that the database answers and its disk has room "
                "(`gateway doctor`, `door_failed` in the log)"
            )
        case "late":
            return "look at the database first (its disk, locks, connections), then at the CPU"
        case _:
            return f"see what answers at {address} (`door_failed` in the log, the proxy's log)"


def of_skew(skew_s: float) -> Finding:
    """Judge a difference of clocks; ours is ahead if it is above 0."""
    if abs(skew_s) <= SKEW_MAX_S:
        return Finding(ok=True, code="clock", what="this machine's clock agrees with Intercom's")
    return Finding(
        ok=False,
        code="clock",
        what=f"this machine's clock is {abs(skew_s):.0f} s "
        f"{'ahead of' if skew_s > 0 else 'behind'} Intercom's: beyond {SKEW_MAX_S:.0f} s our own "
        "messages may be taken for somebody else's",
        do="set it by NTP (timedatectl set-ntp true)",
    )


# -- who answers -------------------------------------------------------------------------------


def _of_seat(signs: Signs) -> Iterator[Finding]:
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


def _of_fin(signs: Signs) -> Iterator[Finding]:
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


def _of_workflow(signs: Signs, ai_teams: Collection[str]) -> Iterator[Finding]:
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
