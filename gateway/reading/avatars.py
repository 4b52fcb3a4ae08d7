"""What people look like: their picture if they have one, else initials on a colour of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, bindparam, select

from gateway.reading.names import OPERATOR_PREFIX, Person
from gateway.store import Transaction
from gateway.store.models import Installation, Operator, OperatorAvatar, OperatorLink
from gateway.store.prepared import Prepared

Json = dict[str, str | None]

# White letters can be read on each of them (WCAG AA: at least 4.5 to 1).
COLOURS = (
    "#9c3d3d", "#a14a17", "#7d5a00", "#5c6b00", "#2f7031", "#006e5b",
    "#00697d", "#1f6197", "#4a55b5", "#6d48a8", "#8b3f8f", "#a13670",
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Avatars:
    """Who is which operator, by installation and id; names and pictures (digests) of operators."""

    linked: Mapping[tuple[str, str], str] = field(default_factory=dict)
    operators: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)

    def of(self, person: Person, name: str) -> Json | None:
        """How to show somebody called `name`; None for nobody.

        An operator looks the same under each of their names, and so does a teammate whom the
        channel alone knows.
        """
        if person.kind == "ai":
            return {"url": None, "initials": "AI", "colour": colour("ai")}
        if person.kind == "unassigned" or person.id is None:
            return None
        key = self.linked.get((person.installation, person.id), person.id)
        known, digest = self.operators.get(key, (name, None))
        return avatar(key, known, digest)


def avatar(key: str, name: str, digest: str | None) -> Json:
    """An avatar: `url` below the gateway's address, or null, `initials` and `colour`."""
    url = f"/api/v1/operators/{key}/avatar?v={digest[:16]}" if digest else None
    return {"url": url, "initials": initials(name), "colour": colour(key)}


def initials(name: str) -> str:
    """The first letters of the first and the last word: `Ann Mary Lee` is `AL`."""
    words = ["".join(letter for letter in word if letter.isalnum()) for word in name.split()]
    words = [word for word in words if word]
    if not words:
        return "?"
    first, last = words[0][0], words[-1][0] if len(words) > 1 else ""
    return (first + last).upper()[:2]


def colour(key: str) -> str:
    """One of a dozen colours: always the same one for the same key, whatever the name."""
    return COLOURS[hashlib.sha256(key.encode()).digest()[0] % len(COLOURS)]


def ask_avatars(db: Transaction, people: Iterable[Person]) -> Callable[[], Avatars]:
    """Ask for everybody in two statements at most; return how to get what they look like."""
    wanted = {person for person in people if person.kind == "operator" and person.id is not None}
    ours = sorted({person.id for person in wanted if person.id and _is_ours(person.id)})
    theirs = sorted(
        {(person.installation, person.id) for person in wanted if not _is_ours(person.id or "")}
    )
    asked_ours = _OPERATORS.ask_all(db, [{"key": id} for id in ours])
    asked_theirs = _LINKED.ask(db, [{"installation": one[0], "id": one[1]} for one in theirs])

    def get() -> Avatars:
        linked = {
            (installation, str(id)): rows[0]
            for (installation, id), rows in zip(theirs, asked_theirs(), strict=True)
            if rows
        }
        rows = asked_ours()
        return Avatars(
            linked={key: row.id for key, row in linked.items()},
            operators={row.id: (row.name, row.digest) for row in (*rows, *linked.values())},
        )

    return get


def _is_ours(id: str) -> bool:
    return id.startswith(OPERATOR_PREFIX)


def _looks() -> Select[*tuple[Any, ...]]:
    return select(Operator.id, Operator.name, OperatorAvatar.digest).outerjoin(
        OperatorAvatar, OperatorAvatar.operator_id == Operator.id
    )


_OPERATORS = Prepared(lambda _: _looks().where(Operator.id == bindparam("key")))
_LINKED = Prepared(
    lambda _: (
        _looks()
        .join(OperatorLink, OperatorLink.operator_id == Operator.id)
        .join(Installation, Installation.channel == OperatorLink.channel)
        .where(
            Installation.id == bindparam("installation"),
            OperatorLink.external_id == bindparam("id"),
        )
    )
)
