"""All that is known of one customer, put together for a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from gateway.console.rooms import Pages
from gateway.contacts import cards, progress
from gateway.conversations.doors import handover_refusal
from gateway.privacy.looking import find_erasure
from gateway.reading.sessions import Json, SessionFilter, find_sessions
from gateway.store import Transaction

SESSIONS = 50
CHANGES = 10
SUGGESTIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The newest word of the sessions on one thing; `earlier`: so many of them said another."""

    name: str
    kind: str
    value: str
    session: Json
    earlier: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A customer: who they are, what they said and did, and who else may be the same person.

    `progress` tells by detail what became of it in the channels that are owed what people said.
    """

    card: Json
    sessions: Sequence[Json]
    next: str | None
    collected: Sequence[Collected]
    changes: Sequence[Json]
    more_changes: bool
    suggestions: Sequence[Json]
    progress: Mapping[str, Sequence[Json]]
    erasure: Json

    @property
    def id(self) -> str:
        """The contact that stands for the one that was asked for."""
        return str(self.card["id"])


class Profiles:
    """Reads profiles, each in a fixed number of statements."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def read(self, db: Transaction, contact_id: str, cursor: str | None) -> Profile:
        """The contact that stands for this id; `cursor`: which of its sessions. Raises NotFound,
        Unreadable."""
        role = self._pages.operator().role
        card = cards.find_contact(db, contact_id)
        page = find_sessions(
            db,
            SessionFilter(contact=card["id"]),
            refusal=lambda status, mode: handover_refusal(role, status, mode),
            limit=SESSIONS,
            cursor=cursor,
        )
        changes = cards.find_history(db, card["id"], limit=CHANGES)
        suggestions = cards.find_suggestions(db, card["id"], limit=SUGGESTIONS)
        return Profile(
            card=card,
            sessions=page.items,
            next=page.next_cursor,
            collected=collect(page.items),
            changes=changes.items,
            more_changes=changes.last is not None,
            suggestions=suggestions.items,
            progress=_to_show(card, progress.find_progress(db, card["id"])),
            erasure=find_erasure(db, self._pages.parts.channels, card["id"]),
        )


def _to_show(card: Json, found: Iterable[Json]) -> dict[str, list[Json]]:
    """What became of each detail, unless another word has come since."""
    by_detail: dict[str, list[Json]] = {}
    for one in found:
        name = one["detail"]
        own = card["custom"].get(name.removeprefix("custom."))
        said = own if name.startswith("custom.") else card["details"][name]
        since = said["at"] if said is not None else None
        if since is None or _moment(one["at"]) >= _moment(since):
            by_detail.setdefault(name, []).append(one)
    return by_detail


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at)


def collect(sessions: Iterable[Json]) -> list[Collected]:
    """What sessions (the newest first) have as parameters and results; the newest word of each."""
    newest: dict[tuple[str, str], Collected] = {}
    for session in sessions:
        for kind in ("parameters", "results"):
            for name, value in (session[kind] or {}).items():
                text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
                known = newest.get((kind, name))
                if known is None:
                    newest[kind, name] = Collected(
                        name=name, kind=kind, value=text, session=session
                    )
                elif known.value != text:
                    newest[kind, name] = replace(known, earlier=known.earlier + 1)
    return sorted(newest.values(), key=lambda one: (one.kind, one.name))
