"""What holds for every channel: reconciling, deliveries and conversations that wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gateway.signs import HOUR_US, Finding, Judge, Signs, counted, lasting

CODES = ("paused", "reconcile_overdue", "drift", "failed_deliveries", "held")

_MISSED_PASSES = 3
_LONG_PASS_US = HOUR_US
_DRIFT_SHARE, _DRIFT_MIN = 0.1, 3


def judge(signs: Signs, channels_own: Judge) -> list[Finding]:
    """Everything that there is to say, well or not: the channel's own rules first."""
    if signs.paused is not None:
        # Nothing is asked of it, and it may not report: what that looks like is no news.
        return [_of_rest(signs.paused), *_of_failed(signs)]
    return [
        *channels_own(signs),
        *_of_reconciling(signs),
        *_of_drift(signs),
        *_of_failed(signs),
        *_of_held(signs),
    ]


def in_words(drift: Mapping[str, int]) -> str:
    """What had not been told, by kind: `9 message, 3 assigned`."""
    return ", ".join(f"{count} {kind}" for kind, count in sorted(drift.items()) if count)


def _of_rest(why: str) -> Finding:
    return Finding(
        ok=False,
        code="paused",
        what=f"the channel is paused: {why}; what it owes waits, and what it reports is taken in",
        do="see the page Channels in the console: install the app again, or choose the AI's seat",
    )


def _of_reconciling(signs: Signs) -> Iterator[Finding]:
    code = "reconcile_overdue"
    if not signs.reconcile_every_s:
        yield Finding(
            ok=True,
            code=code,
            what="reconciling is off: what notifications miss stays unknown",
            do="set reconcile_every_s",
        )
        return
    if signs.known_since is None:
        return
    every_us = int(signs.reconcile_every_s * 1e6)
    last = signs.passes[0] if signs.passes else None
    ended_at = max(signs.known_since, (last and last.ended_at) or 0)
    running = signs.running
    age = signs.now - ended_at
    # A pass after a long absence has much to read: it may take its time as long as it goes on.
    goes_on = (
        running is not None
        and running.trouble is None
        and signs.now - running.began_at < _MISSED_PASSES * every_us + _LONG_PASS_US
    )
    if age <= _MISSED_PASSES * every_us or goes_on:
        ago = f"ended {lasting(age)} ago" if last else "has not ended yet"
        yield Finding(
            ok=True,
            code=code,
            what=f"the last look at what changed {ago}, the next one runs"
            if goes_on
            else f"the last look at what changed {ago}",
        )
        return
    since = f"ended {lasting(age)} ago" if last else f"has never ended in {lasting(age)}"
    why = (
        f"; the one that runs stopped at: {running.trouble}" if running and running.trouble else ""
    )
    yield Finding(
        ok=False,
        code=code,
        since=ended_at,
        what=f"the last look at what changed {since}, one is due every "
        f"{lasting(every_us)}{why}: notifications that are lost meanwhile stay unknown",
        do="see whether a worker for sync runs (/readyz) and what its log says"
        if not why
        else "put right what it stopped at; it goes on by itself",
    )


def _of_drift(signs: Signs) -> Iterator[Finding]:
    last = signs.passes[0] if signs.passes else None
    if last is None:
        return
    if not last.repaired:
        yield Finding(
            ok=True,
            code="drift",
            what=f"the last look at what changed found {counted(last.found, 'conversation')}, "
            "each as notifications had told",
        )
        return
    bad = last.repaired >= _DRIFT_MIN and last.repaired > _DRIFT_SHARE * last.found
    told = in_words(last.drift)
    yield Finding(
        ok=not bad,
        code="drift",
        what=f"of {counted(last.found, 'conversation')} that had changed, {last.repaired:,} "
        "were not as notifications had told and have been repaired"
        + (f" (missing: {told})" if told else ""),
        do="see why notifications are lost: the other findings, the proxy, the subscription"
        if bad
        else "",
    )


def _of_failed(signs: Signs) -> Iterator[Finding]:
    waiting = signs.failed_deliveries
    if not waiting.count or waiting.since is None:
        yield Finding(
            ok=True, code="failed_deliveries", what="every authentic notification was applied"
        )
        return
    yield Finding(
        ok=False,
        code="failed_deliveries",
        since=waiting.since,
        what=f"{counted(waiting.count, 'notification')} could not be applied and "
        f"{'waits' if waiting.count == 1 else 'wait'} for a replay, the oldest for "
        f"{lasting(signs.now - waiting.since)}",
        do="read their errors (GET /api/v1/deliveries?state=failed), upgrade if that mends them, "
        "then `gateway replay`",
    )


def _of_held(signs: Signs) -> Iterator[Finding]:
    waiting = signs.held
    if not waiting.count or waiting.since is None:
        yield Finding(ok=True, code="held", what="no conversation is held back for long")
        return
    yield Finding(
        ok=False,
        code="held",
        since=waiting.since,
        what=f"the AI is held back in {counted(waiting.count, 'conversation')}, the longest for "
        f"{lasting(signs.now - waiting.since)}: a notification could not be applied there, and "
        "the conversation cannot be read",
        do="see `read_failed` in the log of the worker for sync: a refused token, or a channel "
        "that does not answer",
    )


def order(findings: Sequence[Finding]) -> list[Finding]:
    """What is wrong first."""
    return sorted(findings, key=lambda finding: finding.ok)
