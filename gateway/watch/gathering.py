"""Gathers everything that is known about a channel's health from the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from gateway.policy import ChannelTerms
from gateway.signs import DAY_US, HOUR_US, Failing, Pass, Seat, Signs, Trouble, Waiting
from gateway.store import Transaction
from gateway.store.ids import first_id
from gateway.store.models import (
    Conversation,
    InboxDelivery,
    Installation,
    Reconciliation,
    Staff,
)
from gateway.store.sql import literals
from gateway.watch import answers, heard, rhythm, sightings

# What workers see, by name (`sightings`).
DIRECTORY, SKEW, TROUBLE, FAILING = "directory", "skew", "trouble", "failing"

HELD_LONG_US = 10 * 60_000_000
# A skew that nobody has measured for longer says nothing of now.
_SKEW_HOLDS_US = 3 * HOUR_US
_WEEK_US = 7 * DAY_US


def gather(
    db: Transaction,
    terms: ChannelTerms,
    *,
    now: int,
    address: str,
    door: str,
    paused: str | None,
    pinned: str | None,
    reconcile_every_s: float,
) -> Signs:
    """Everything that is known; `pinned` is the workspace that the settings name, if any.

    `door` is under which name its answers are counted, `paused` why nothing is asked of it.
    """
    channel = terms.name
    home = _home(db, channel, pinned)
    seen = sightings.find(db, channel)
    passes, running = _passes(db, channel, now)
    signs: dict[str, Any] = {}
    if home is not None:
        topics = heard.topics(db, (channel, home.external_id))
        hours = heard.hours(db, (channel, home.external_id))
        known_since = min([home.created_at, *(topic.first_at for topic in topics.values())])
        signs["known_since"] = known_since
        signs["topics"] = topics
        usual = rhythm.usual_hour(hours, now - now % HOUR_US, known_since, now - now % HOUR_US)
        signs["usual_per_hour"] = usual[0] if usual else None
        seen_at = [topic.last_at for topic in topics.values()]
        last_at = max([*seen_at, heard.newest(db, (channel, home.external_id)) or 0])
        if last_at:
            signs["silence"] = rhythm.silence(hours, last_at, now, known_since)
        signs["seat"] = _seat(db, terms, home.id, seen.get(DIRECTORY))
    skew = seen.get(SKEW)
    if skew is not None and skew.at >= now - _SKEW_HOLDS_US:
        signs["skew_s"] = skew.value["s"]
    directory = seen.get(DIRECTORY)
    return Signs(
        channel=channel,
        now=now,
        address=address,
        up_to_date=heard.is_up_to_date(db, now),
        last_hour=answers.last_hour(db, door, now),
        in_a_row=answers.in_a_row(db, door, now),
        failing=_failing(db, door, seen.get(FAILING)),
        paused=paused,
        trouble=_trouble(seen.get(TROUBLE)),
        token_of=directory.value.get("token_of") if directory else None,
        pinned=home.external_id if home is not None else pinned,
        reconcile_every_s=reconcile_every_s,
        passes=passes,
        running=running,
        failed_deliveries=_failed(db, channel),
        held=_held(db, channel, now),
        **signs,
    )


def seat_changed(signs: Signs, directory: Any | None) -> bool:
    """True if a notification told of the AI's seat what the `directory` seen does not say yet."""
    if directory is None or signs.seat is None:
        return False
    told = directory.value.get("seat")
    return told is not None and signs.seat.away is not None and told["away"] != signs.seat.away


def remember_failing(db: Transaction, signs: Signs) -> None:
    """Keep since when every answer was an error: the minutes themselves are kept for 8 days."""
    if signs.failing is None:
        sightings.forget(db, signs.channel, FAILING)
        return
    value = {"since": signs.failing.since, "last_at": signs.failing.last_at,
             "errors": signs.failing.errors}  # fmt: skip
    sightings.see(db, signs.channel, FAILING, value, signs.now)


def _home(db: Transaction, channel: str, pinned: str | None) -> Installation | None:
    known = Installation.slot == "" if pinned is None else Installation.external_id == pinned
    return db.scalar(select(Installation).where(Installation.channel == channel, known))


def _seat(
    db: Transaction, terms: ChannelTerms, installation_id: str, directory: Any | None
) -> Seat:
    row = db.scalar(
        select(Staff).where(
            Staff.installation_id == installation_id,
            Staff.kind == "ai",
            Staff.external_id == (terms.ai.id or ""),
        )
    )
    told = directory.value.get("seat") if directory is not None else None
    away = row.away if row is not None else None
    return Seat(
        id=terms.ai.id,
        name=row.name if row is not None else None,
        away=away,
        # Notifications tell at once who is away, the directory what then happens.
        reassigns=told["reassigns"] if told and told["away"] == away else None,
        removed=row is not None and row.removed,
        listed=None if directory is None else told is not None,
    )


def _failing(db: Transaction, channel: str, remembered: Any | None) -> Failing | None:
    found = answers.failing(db, channel)
    if remembered is None:
        return found
    before = Failing(**remembered.value)
    if (answers.last_good(db, channel) or 0) >= before.since:
        return found
    if found is None:
        return before
    return Failing(
        since=min(before.since, found.since),
        last_at=max(before.last_at, found.last_at),
        errors=max(before.errors, found.errors),
    )


def _trouble(seen: Any | None) -> Trouble | None:
    if seen is None:
        return None
    return Trouble(message=seen.value["message"], status=seen.value.get("status"), since=seen.since)


def _passes(db: Transaction, channel: str, now: int) -> tuple[Sequence[Pass], Pass | None]:
    rows = db.scalars(
        select(Reconciliation)
        .where(
            Reconciliation.channel == channel,
            # The index is by id, which begins with the time.
            Reconciliation.id >= first_id("rec", 2 * _WEEK_US / 1e6),
            Reconciliation.ended_at.is_(None) | (Reconciliation.ended_at >= now - _WEEK_US),
        )
        .order_by(Reconciliation.id.desc())
    ).all()
    ended = [_pass(row) for row in rows if row.ended_at is not None]
    running = [_pass(row) for row in rows if row.ended_at is None]
    return ended, running[0] if running else None


def _pass(row: Reconciliation) -> Pass:
    return Pass(
        since=row.since,
        began_at=row.began_at, ended_at=row.ended_at, found=row.found, doubted=row.doubted,
        read=row.read, repaired=row.repaired, gone=row.gone, lost=row.lost,
        drift=row.drift, marks=row.marks, trouble=row.trouble,
    )  # fmt: skip


def _failed(db: Transaction, channel: str) -> Waiting:
    row = db.execute(
        select(func.count().label("number"), func.min(InboxDelivery.received_at).label("since"))
        .where(InboxDelivery.state.in_(literals("failed")), InboxDelivery.channel == channel)
    ).one()  # fmt: skip
    return Waiting(count=row.number, since=row.since)


def _held(db: Transaction, channel: str, now: int) -> Waiting:
    # Whoever is held is to be read, and few ever are: the index on that finds them.
    row = db.execute(
        select(func.count().label("number"), func.min(Conversation.held_since).label("since"))
        .where(
            Conversation.read_due.is_not(None),
            Conversation.held_since < now - HELD_LONG_US,
            Conversation.channel == channel,
        )
    ).one()  # fmt: skip
    return Waiting(count=row.number, since=row.since)
