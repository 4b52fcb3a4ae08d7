"""From findings to alerts: when people are told, once, and what is owed to whom.

A finding that stands in two looks at least a minute apart is an alert; so is its end. What changes
and what is therefore owed are one transaction, so that nobody is told twice or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import aliased

from gateway.signs import DAY_US, MINUTE_US, Finding, Notice, NoticeEvent, SinkName
from gateway.store import Transaction, new_id
from gateway.store.models import Alert, AlertNotice, FindingRow
from gateway.store.prepared import Prepared
from gateway.store.sql import insert_into, literals, table_of

STEADY_US = MINUTE_US
REMIND_US = DAY_US
KEPT_US = 90 * DAY_US
GIVEN_UP_US = DAY_US
_FIRST_PAUSE_US, _LONGEST_PAUSE_US = 30_000_000, 3_600_000_000

_FINDINGS = table_of(FindingRow)
_KNOWN = Prepared(lambda _: select(_FINDINGS).where(_FINDINGS.c.channel == bindparam("channel")))
_KEEP = Prepared(lambda sql: sql.put(_FINDINGS))


def known(db: Transaction, channel: str) -> dict[str, Any]:
    """What the last look found, by code: rows of `FindingRow`."""
    return {row.code: row for row in _KNOWN.run(db, {"channel": channel})}


def looked_at(db: Transaction) -> dict[str, int]:
    """When each channel was looked at last."""
    query = select(FindingRow.channel, func.max(FindingRow.at)).group_by(FindingRow.channel)
    return {row[0]: row[1] for row in db.execute(query)}


def dated(findings: Sequence[Finding], before: Mapping[str, Any], now: int) -> list[Finding]:
    """Findings with the time since when they are so, from the looks before where need be."""

    def since(finding: Finding) -> int:
        if finding.since is not None:
            return finding.since
        row = before.get(finding.code)
        return row.since if row is not None and row.ok == finding.ok else now

    return [
        Finding(ok=one.ok, what=one.what, do=one.do, code=one.code, since=since(one))
        for one in findings
    ]


def take_in(
    db: Transaction,
    channel: str,
    findings: Sequence[Finding],
    sinks: Collection[SinkName],
    now: int,
) -> list[tuple[NoticeEvent, str]]:
    """Take in what a look found: keep it, raise, clear and remind; `sinks` are owed word of it.

    Returns what happened to which code.
    """
    happened: list[tuple[NoticeEvent, str]] = []
    before = known(db, channel)
    began = {finding.code: finding.since or now for finding in dated(findings, before, now)}
    open_alerts = {alert.code: alert for alert in opened(db, channel)}
    for finding in findings:
        row = before.get(finding.code)
        # `since` here is when the looks began to see it, whatever the finding says of itself.
        seen_since = row.since if row is not None and row.ok == finding.ok else now
        _keep(db, channel, finding, seen_since, now)
        steady = now - seen_since >= STEADY_US
        alert = open_alerts.get(finding.code)
        if alert is None:
            if steady and not finding.ok:
                _raise(db, channel, finding, began[finding.code], sinks, now)
                happened.append(("raised", finding.code))
        elif not finding.ok:
            _stands(db, alert, finding, sinks, now)
        elif steady:
            _clear(db, alert, sinks, now)
            happened.append(("cleared", finding.code))
    # What is not looked at any more (a channel that was set otherwise) is not wrong any more.
    looked_at = {finding.code for finding in findings}
    for code in set(before) - looked_at:
        db.execute(delete(FindingRow).where(FindingRow.channel == channel, FindingRow.code == code))
    for code, alert in open_alerts.items():
        if code not in looked_at:
            _clear(db, alert, sinks, now)
            happened.append(("cleared", code))
    return happened


def opened(db: Transaction, channel: str) -> Sequence[Alert]:
    """The alerts that stand, the oldest first."""
    query = select(Alert).where(Alert.channel == channel, Alert.cleared_at.is_(None))
    return db.scalars(query.order_by(Alert.id)).all()


def forget(db: Transaction, channels: Collection[str], now: int) -> None:
    """Drop what is over for 90 days; end without a word what is of channels that are no more."""
    db.execute(
        update(Alert)
        .where(Alert.cleared_at.is_(None), Alert.channel.not_in(channels))
        .values(cleared_at=now)
    )
    db.execute(delete(FindingRow).where(FindingRow.channel.not_in(channels)))
    # A way to tell people that is not set any more has nobody to tell.
    db.execute(
        update(AlertNotice)
        .where(AlertNotice.state.in_(literals("owed")), AlertNotice.owed_at < now - 2 * GIVEN_UP_US)
        .values(state="failed", ended_at=now)
    )
    old = select(Alert.id).where(Alert.cleared_at < now - KEPT_US)
    db.execute(delete(AlertNotice).where(AlertNotice.alert_id.in_(old)))
    db.execute(delete(Alert).where(Alert.cleared_at < now - KEPT_US))


# -- what is owed ------------------------------------------------------------------------------


def owed(db: Transaction, sink: SinkName, now: int, limit: int) -> list[Notice]:
    """What is due to be told, in order; of one alert nothing before what came before it."""
    earlier = aliased(AlertNotice)
    before = (
        select(earlier.id)
        .where(
            earlier.state.in_(literals("owed")),
            earlier.sink == sink,
            earlier.alert_id == AlertNotice.alert_id,
            earlier.id < AlertNotice.id,
            earlier.due_at > now,
        )
        .exists()
    )
    rows = db.execute(
        select(AlertNotice, Alert)
        .join(Alert, Alert.id == AlertNotice.alert_id)
        .where(
            AlertNotice.state.in_(literals("owed")),
            AlertNotice.sink == sink,
            AlertNotice.due_at <= now,
            ~before,
        )
        .order_by(AlertNotice.id)
        .limit(limit)
    )
    return [_notice(notice, alert) for notice, alert in rows]


def told(db: Transaction, ids: Collection[str], now: int) -> None:
    """They have been sent."""
    db.execute(
        update(AlertNotice)
        .where(AlertNotice.id.in_(ids))
        .values(state="sent", ended_at=now, tries=AlertNotice.tries + 1, error=None)
    )


def not_told(db: Transaction, ids: Collection[str], error: str, now: int) -> bool:
    """They could not be sent: later again, for a day. False if they have been given up."""
    rows = db.scalars(select(AlertNotice).where(AlertNotice.id.in_(ids))).all()
    left = False
    for row in rows:
        over = now - row.owed_at >= GIVEN_UP_US
        pause = min(_FIRST_PAUSE_US * 2 ** min(row.tries, 20), _LONGEST_PAUSE_US)
        left |= not over
        db.execute(
            update(AlertNotice)
            .where(AlertNotice.id == row.id)
            .values(
                state="failed" if over else "owed",
                ended_at=now if over else None,
                due_at=now + pause,
                tries=row.tries + 1,
                error=error,
            )
        )
    return left


# -- an alert's life ---------------------------------------------------------------------------


def _keep(db: Transaction, channel: str, finding: Finding, since: int, now: int) -> None:
    found = {
        "channel": channel, "code": finding.code, "ok": finding.ok, "what": finding.what,
        "do": finding.do, "since": since, "at": now,
    }  # fmt: skip
    _KEEP.later(db, found)


def _raise(
    db: Transaction,
    channel: str,
    finding: Finding,
    since: int,
    sinks: Collection[SinkName],
    now: int,
) -> None:
    id = new_id("alr")
    raised = insert_into(db, Alert).values(
        id=id, channel=channel, code=finding.code, what=finding.what, do=finding.do,
        since=since, raised_at=now, told_at=now,
    )  # fmt: skip
    if db.scalar(raised.on_conflict_do_nothing().returning(Alert.id)) is not None:
        _owe(db, id, "raised", sinks, now)


def _stands(
    db: Transaction, alert: Alert, finding: Finding, sinks: Collection[SinkName], now: int
) -> None:
    values: dict[str, Any] = {"what": finding.what, "do": finding.do}
    if now - alert.told_at >= REMIND_US:
        values["told_at"] = now
        _owe(db, alert.id, "reminded", sinks, now)
    db.execute(update(Alert).where(Alert.id == alert.id).values(values))


def _clear(db: Transaction, alert: Alert, sinks: Collection[SinkName], now: int) -> None:
    db.execute(update(Alert).where(Alert.id == alert.id).values(cleared_at=now))
    _owe(db, alert.id, "cleared", sinks, now)


def _owe(
    db: Transaction, alert_id: str, event: NoticeEvent, sinks: Collection[SinkName], now: int
) -> None:
    for sink in sorted(sinks):
        db.execute(
            insert_into(db, AlertNotice).values(
                id=new_id("ntc"),
                alert_id=alert_id,
                event=event,
                sink=sink,
                owed_at=now,
                due_at=now,
                state="owed",
                tries=0,
            )
        )


def _notice(notice: AlertNotice, alert: Alert) -> Notice:
    event: Any = notice.event
    return Notice(
        id=notice.id, event=event, alert_id=alert.id, channel=alert.channel, code=alert.code,
        what=alert.what, do=alert.do, since=alert.since, raised_at=alert.raised_at,
        cleared_at=alert.cleared_at if event == "cleared" else None,
    )  # fmt: skip
