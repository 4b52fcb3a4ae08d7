"""The book of installations: who has let an app in, and in which state that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import select, update

from gateway.channels.base import Workspace
from gateway.errors import Conflict, NotFound
from gateway.installing import resuming
from gateway.installing.seals import Seals
from gateway.store import Transaction, new_id
from gateway.store.models import AppInstallation, Installation, Operator
from gateway.store.sql import insert_into, locked

State = Literal["active", "seatless", "revoked", "uninstalled"]

WHY: Mapping[str, str] = {
    "seatless": "it has not been decided yet as whom the AI answers",
    "revoked": "its token is refused",
    "uninstalled": "the app was uninstalled there",
}
"""Why a channel rests, by its state."""

SETTINGS = (
    "agent", "hand_over_to", "ai_teams", "answer_when", "first_mode", "on_unassigned",
    "takeover_on_reply", "other_bot", "email_conversations", "identity_verification",
    "push_contacts", "drafts",
)  # fmt: skip
"""What each workspace may decide for itself; what it does not is as the app's table says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An installation as it is kept. Times in µs."""

    installation_id: str
    app: str
    channel: str
    external_id: str
    title: str
    region: str
    token: bytes | None = field(repr=False)
    seat: str | None
    settings: Mapping[str, Any]
    state: State
    state_since: int
    version: int
    installed_at: int
    installed_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """An installation after a change, what it was `before` (None: it is new), and what to wake."""

    now: Known
    before: Known | None = None
    owed: set[str] = field(default_factory=set)


def versions(db: Transaction) -> dict[str, int]:
    """The version of each installation, by its channel."""
    query = select(AppInstallation.channel, AppInstallation.version)
    return {row.channel: row.version for row in db.execute(query)}


def find_all(db: Transaction) -> list[Known]:
    """Every installation, by name."""
    return _read(db, select(*_COLUMNS).order_by(AppInstallation.channel))


def find(db: Transaction, channel: str) -> Known:
    """The installation that is this channel; raise NotFound."""
    found = _read(db, select(*_COLUMNS).where(AppInstallation.channel == channel))
    if not found:
        raise NotFound("there is no such installation")
    return found[0]


def install(
    db: Transaction, seals: Seals, app: str, workspace: Workspace, by: str, now: int
) -> Changed:
    """Keep that a workspace has let the app in, for the first time or again; all goes on."""
    channel = f"{app}.{workspace.id}"
    db.execute(
        insert_into(db, Installation)
        .values(
            id=new_id("ins"), channel=channel, slot=workspace.id, external_id=workspace.id,
            created_at=now,
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
    id = db.execute(select(Installation.id).where(Installation.channel == channel)).scalar_one()
    told = {
        "title": workspace.title,
        "region": workspace.region,
        "token": seals.seal(workspace.token, id),
        "installed_at": now,
        "installed_by": by,
    }
    fresh = (
        insert_into(db, AppInstallation)
        .values(
            installation_id=id, app=app, channel=channel, external_id=workspace.id, seat=None,
            settings={}, state="seatless", state_since=now, version=1, **told,
        )
        .on_conflict_do_nothing()
        .returning(AppInstallation.installation_id)
    )  # fmt: skip
    if db.execute(fresh).one_or_none() is not None:
        return Changed(now=find(db, channel), owed={"directory"})
    before = _lock(db, channel)
    state = "active" if before.seat is not None else "seatless"
    return _write(db, before, now, state=state, **told)


def decide(
    db: Transaction, channel: str, seat: str | None, settings: Mapping[str, Any], now: int
) -> Changed:
    """Change as whom the AI answers (None: it stays), and settings; None takes one back."""
    before = _lock(db, channel)
    decided = {**before.settings, **settings}
    values: dict[str, Any] = {
        "settings": {name: value for name, value in decided.items() if value is not None}
    }
    if seat is not None:
        values["seat"] = seat
        if before.state == "seatless":
            values["state"] = "active"
    if decided.get("hand_over_to") == f"admin:{values.get('seat', before.seat)}":
        raise Conflict("a handover cannot assign the seat that the AI answers from")
    return _write(db, before, now, **values)


def revoke(db: Transaction, channel: str, version: int, now: int) -> Changed | None:
    """The token of this version is refused; None if it is another one by now."""
    before = _lock(db, channel)
    if before.version != version or before.state not in ("active", "seatless"):
        return None
    return _write(db, before, now, state="revoked")


def try_again(db: Transaction, channel: str, now: int) -> Changed:
    """Let a token that was refused be tried once more; raise Conflict for any other state."""
    before = _lock(db, channel)
    if before.state != "revoked":
        raise Conflict("only a token that was refused can be tried again")
    return _write(db, before, now, state="active" if before.seat is not None else "seatless")


def uninstall(db: Transaction, channel: str, now: int) -> Changed:
    """Forget the token: nothing is asked any more, and everything that was heard stays."""
    before = _lock(db, channel)
    if before.state == "uninstalled":
        return Changed(now=before, before=before)
    return _write(db, before, now, state="uninstalled", token=None)


def sealed_before(db: Transaction, seals: Seals) -> Sequence[str]:
    """Channels whose token is not sealed with the newest key."""
    return [
        one.channel
        for one in find_all(db)
        if one.token is not None and not seals.is_current(one.token)
    ]


def seal_anew(db: Transaction, seals: Seals, channel: str, now: int) -> bool:
    """Seal a token with the newest key; False if it is gone. Raises Paused if none opens it."""
    before = _lock(db, channel)
    if before.token is None:
        return False
    text = seals.open(before.token, before.installation_id)
    _write(db, before, now, token=seals.seal(text, before.installation_id))
    return True


def name_of(db: Transaction, operator_id: str | None) -> str | None:
    """Who installed it, by name."""
    return db.scalar(select(Operator.name).where(Operator.id == operator_id))


def _lock(db: Transaction, channel: str) -> Known:
    found = _read(db, locked(db, select(*_COLUMNS).where(AppInstallation.channel == channel)))
    if not found:
        raise NotFound("there is no such installation")
    return found[0]


def _write(db: Transaction, before: Known, now: int, **values: Any) -> Changed:
    if values.get("state", before.state) != before.state:
        values["state_since"] = now
    db.execute(
        update(AppInstallation)
        .where(AppInstallation.installation_id == before.installation_id)
        .values(version=before.version + 1, **values)
    )
    after = find(db, before.channel)
    owed = set()
    if after.state == "active" and before.state != "active":
        owed = resuming.resume(db, after.channel, after.installation_id, now)
    if after.state != "uninstalled":
        owed.add("directory")
    return Changed(now=after, before=before, owed=owed)


def _read(db: Transaction, query: Any) -> list[Known]:
    return [Known(**row._mapping) for row in db.execute(query)]


_COLUMNS = tuple(getattr(AppInstallation, name) for name in Known.__dataclass_fields__)
