"""What Intercom tells us of: whether it has fallen silent, and which topics never come."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.channels.intercom.topics import missing
from gateway.signs import MINUTE_US, Finding, Signs, counted, lasting, summed

# In how many minutes something must usually have come: then chance is under 1 in 100,000.
_SILENT_MINUTES = 12.0
_PROOFS = 3
_PROVEN_SILENT_US = 15 * MINUTE_US
_SUBSCRIPTION = (
    "in the Developer Hub, Webhooks: is the subscription live, is the address {}, "
    "does a test request arrive?"
)


def of_silence(signs: Signs) -> Iterator[Finding]:
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
    """What passes found that no notification had told, of what changed since the last one came."""
    since = signs.silence.since if signs.silence is not None else 0
    drift = [one.drift for one in signs.passes if one.since >= since]
    return sum(summed(drift).values())


def of_topics(signs: Signs) -> Iterator[Finding]:
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
