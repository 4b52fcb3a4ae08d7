"""One look at a channel: what is known of it, judged; and as the JSON that programs read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gateway.clock import to_time
from gateway.policy import ChannelTerms
from gateway.signs import Answers, Finding, Judge, Pass, Signs
from gateway.store import Transaction
from gateway.watch import alerts, gathering, judging

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A channel as it is watched: its own rules, where it reports, how often it is reconciled.

    What its `door` answered is counted by that name. `paused` tells why nothing is asked of it.
    """

    terms: ChannelTerms
    judge: Judge
    address: str
    door: str
    paused: str | None
    pinned: str | None
    reconcile_every_s: float

    def look(self, db: Transaction, now: int) -> Looked:
        """Gather what is known now, and judge it."""
        signs = gathering.gather(
            db,
            self.terms,
            now=now,
            address=self.address,
            door=self.door,
            paused=self.paused,
            pinned=self.pinned,
            reconcile_every_s=self.reconcile_every_s,
        )
        findings = judging.judge(signs, self.judge)
        before = alerts.known(db, self.terms.name)
        return Looked(signs=signs, findings=alerts.dated(findings, before, now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look has shown; every finding has its `since`."""

    signs: Signs
    findings: list[Finding]

    @property
    def wrong(self) -> int:
        """How many things are wrong."""
        return sum(not finding.ok for finding in self.findings)


def health(db: Transaction, watched: Watched, now: int) -> Json:
    """A channel's health with all its figures; what is wrong comes first."""
    looked = watched.look(db, now)
    signs = looked.signs
    last_at = signs.silence.since if signs.silence is not None else None
    return {
        "channel": signs.channel,
        "healthy": not looked.wrong,
        "findings": [_finding(one) for one in judging.order(looked.findings)],
        "last_notification_at": to_time(last_at),
        "expected_per_hour": signs.usual_per_hour,
        "answers": _answers(signs.last_hour),
        "errors_in_a_row": signs.in_a_row.errors,
        "clock_skew_s": signs.skew_s,
        "reconcile": _pass(signs.passes[0] if signs.passes else signs.running),
        "alerts": [
            {
                "id": alert.id,
                "code": alert.code,
                "what": alert.what,
                "do": alert.do,
                "since": to_time(alert.since),
                "raised_at": to_time(alert.raised_at),
            }
            for alert in alerts.opened(db, signs.channel)
        ],
    }


def _finding(finding: Finding) -> Json:
    return {
        "code": finding.code,
        "ok": finding.ok,
        "what": finding.what,
        "do": finding.do,
        "since": to_time(finding.since),
    }


def _answers(hour: Answers) -> Json:
    figures = asdict(hour)
    figures["longest_s"] = figures.pop("longest_us") / 1e6
    return figures


def _pass(one: Pass | None) -> Json | None:
    if one is None:
        return None
    return {
        **{name: getattr(one, name) for name in _FIGURES},
        "drift": dict(one.drift),
        "trouble": one.trouble,
        "began_at": to_time(one.began_at),
        "ended_at": to_time(one.ended_at),
    }


_FIGURES = ("found", "doubted", "read", "repaired", "gone", "lost")
