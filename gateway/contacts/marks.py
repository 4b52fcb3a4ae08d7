"""What a channel keeps of a customer besides details: tags, mail they get, put away, merged; pure.

Marks stay with the identity that they are told of, and are never compared across channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.contacts.details import Json
from gateway.events import ContactMarks

_SECOND_US = 1_000_000


class Marks(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As they are kept. `moved_to`: this id was merged into that one; `at`: as of when (µs)."""

    tags: dict[str, str] = {}
    lists: dict[str, tuple[str, bool]] = {}
    no_mail: bool = False
    archived: bool = False
    moved_to: str | None = None
    at: int = 0


NONE = Marks()

_decode = msgspec.json.Decoder(Marks).decode


def read_marks(kept: str | None) -> Marks:
    """Marks from how they are kept."""
    return NONE if kept is None else _decode(kept)


def write_marks(marks: Marks) -> str:
    """Marks as they are kept."""
    return msgspec.json.encode(marks).decode()


def heard(held: Marks, said: ContactMarks | None, as_of: int) -> Marks:
    """The marks after a report; an older one, by the second, changes nothing.

    By the second, since a channel tells some of its times no finer.
    """
    if said is None or as_of // _SECOND_US < held.at // _SECOND_US:
        return held
    tags = dict(held.tags)
    if said.tags is not None:
        tags = {id: name or held.tags.get(id, "") for id, name in said.tags.items()}
    tags |= said.tagged
    for id in said.untagged:
        tags.pop(id, None)
    lists = dict(held.lists)
    for id, (name, on) in said.lists.items():
        known, _ = held.lists.get(id, ("", on))
        lists[id] = (name or known, on)
    new = msgspec.structs.replace(
        held,
        tags=tags,
        lists=lists,
        no_mail=held.no_mail if said.no_mail is None else said.no_mail,
        archived=held.archived if said.archived is None else said.archived,
    )
    # A change that was told late was one all the same: what is older than it changes nothing.
    acted = said.tagged or said.untagged or said.archived is not None
    if new == held and not acted:
        return held
    return msgspec.structs.replace(new, at=max(as_of, held.at))


def difference(before: Marks, after: Marks) -> Json:
    """What changed, as lines of a contact's history tell it."""
    changes: Json = {}
    for name, was, now in zip(_NAMES, _words(before), _words(after), strict=True):
        if was != now:
            changes[name] = {"before": _value(was), "after": _value(now)}
    return changes


def to_json(marks: Marks) -> Json:
    """As people are told."""
    return {
        "tags": [{"id": id, "name": name or None} for id, name in _by_name(marks.tags)],
        "subscriptions": [
            {"id": id, "name": name or None, "subscribed": on}
            for id, (name, on) in sorted(marks.lists.items(), key=lambda one: (one[1][0], one[0]))
        ],
        "unsubscribed": marks.no_mail,
        "archived": marks.archived,
        "merged_into": marks.moved_to,
    }


_NAMES = ("tags", "subscriptions", "unsubscribed", "archived")


def _words(marks: Marks) -> tuple[Any, ...]:
    tags = ", ".join(name or id for id, name in _by_name(marks.tags))
    lists = ", ".join(
        f"{name or id}: {'yes' if on else 'no'}" for id, (name, on) in sorted(marks.lists.items())
    )
    return (tags, lists, marks.no_mail, marks.archived)


def _value(word: Any) -> Json | None:
    return None if word in ("", False) else {"value": word, "level": "claimed"}


def _by_name(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(tags.items(), key=lambda one: (one[1], one[0]))
