"""What we answer Intercom, and how fast: its patience has bounds."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.signs import DAY_US, Answers, Finding, Signs, counted, lasting

PAUSE_AFTER = 1_000
SUSPENDED_AFTER_US = 7 * DAY_US
_WARN_AFTER = 100
_WARN_OF_SUSPENSION_US = DAY_US
# Fewer than this are strays, not a broken door.
_ERRORS_MIN = 10
_SLOW_SHARE, _SLOW_MIN = 0.05, 20


def of_errors(signs: Signs) -> Iterator[Finding]:
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


def of_suspension(signs: Signs) -> Iterator[Finding]:
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


def of_answers(signs: Signs) -> Iterator[Finding]:
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
    return ", ".join(f"{count:,} × {kind}" for kind, count in kinds.items() if count)


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
