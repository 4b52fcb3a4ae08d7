"""What changed in an Intercom workspace, walked page by page: conversations, deletions, contacts.

One cursor leads through all three lists. It says where the walk stands in times of Intercom's own,
so it is good for hours and in any process; Intercom's own cursor is used only where many things
changed in the same second, or where a list comes in another order than the one asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal

import msgspec

from gateway.channels.base import Changed, Changes
from gateway.channels.intercom import shapes
from gateway.channels.intercom.client import IntercomPort
from gateway.channels.intercom.names import micros_of, name_of
from gateway.channels.intercom.people import Seats, assigned_by_item
from gateway.channels.intercom.translate import contact_seen
from gateway.errors import Again, Unreadable
from gateway.events import ContactSeen

Json = dict[str, Any]
Stage = Literal["conversations", "deleted", "people"]

PER_PAGE = 150
# Up to API 2.16 dates in a search for contacts are cut to the day, in the workspace's time zone.
_DAY_S = 86_400


class Place(msgspec.Struct, frozen=True):
    """Where the walk stands: in which list, up to which second, after which of Intercom's cursors.

    `told` are those of that second which were told already.
    """

    stage: Stage = "conversations"
    before: int | None = None
    after: str | None = None
    told: tuple[str, ...] = ()


def of_workspace(
    port: IntercomPort, seats: Seats, since: int, until: int, cursor: str | None
) -> Changes:
    """List the next page; raises Again, Never."""
    # A search by whole seconds: both ends are taken in, and told twice rather than never.
    first, last = since // 1_000_000, -(-until // 1_000_000)
    place = Place() if cursor is None else _opened(cursor)
    try:
        if place.stage == "conversations":
            return _conversations(port, seats, first, last, place)
        if place.stage == "deleted":
            return _deleted(port, first, place)
        return _people(port, seats, first, place)
    except Unreadable as error:
        raise Again(f"Intercom's list of {place.stage} cannot be read: {error.message}") from error


def _conversations(
    port: IntercomPort, seats: Seats, first: int, last: int, place: Place
) -> Changes:
    before = last if place.before is None else place.before
    page = port.search_conversations(
        updated_since=first, updated_until=before, per_page=PER_PAGE, starting_after=place.after
    )
    listed = [shapes.read(one, shapes.Listed, "conversations") for one in _items(page)]
    changed = [
        Changed(
            id=name_of(item.id, "conversations.id"),
            updated_at=_second(item.updated_at) * 1_000_000,
            marks=tuple(_marks(item, seats, first)),
        )
        for item in listed
    ]
    onward = _onward(place, before, changed, _cursor_of(page))
    following = onward or Place(stage="deleted" if port.lists_deleted else "people")
    fresh = [
        one
        for one in changed
        if first <= one.updated_at // 1_000_000 <= before and one.id not in place.told
    ]
    total = page.get("total_count")
    return Changes(
        conversations=fresh,
        next=_closed(following),
        total=total if isinstance(total, int) else None,
    )


def _deleted(port: IntercomPort, first: int, place: Place) -> Changes:
    number = int(place.after or 1)
    page = port.deleted_conversations(page=number)
    items = [shapes.read(one, shapes.ListedDeleted, "conversations") for one in _items(page)]
    recent = [item for item in items if _second(item.deleted_at) >= first]
    more = bool(items) and len(recent) == len(items) and _object(page.get("pages")).get("next")
    following = Place(stage="deleted", after=str(number + 1)) if more else Place(stage="people")
    gone = [name_of(item.id, "conversations.id") for item in recent]
    return Changes(gone=gone, next=_closed(following))


def _people(port: IntercomPort, seats: Seats, first: int, place: Place) -> Changes:
    page = port.search_contacts(
        updated_since=max(first - _DAY_S, 1), per_page=PER_PAGE, starting_after=place.after
    )
    items = [shapes.read(item, shapes.Contact, "data") for item in _items(page, "data")]
    times = [_second(item.updated_at) for item in items]
    people: Sequence[ContactSeen] = [
        contact_seen(item, seats) for item, at in zip(items, times, strict=True) if at >= first
    ]
    after = _cursor_of(page)
    # Newest first, as asked: once one is too old, the rest are.
    walked = _is_sorted(times) and bool(times) and times[-1] < first
    if after is None or after == place.after or walked:
        return Changes(people=people)
    return Changes(people=people, next=_closed(Place(stage="people", after=after)))


def _onward(place: Place, before: int, page: Sequence[Changed], after: str | None) -> Place | None:
    """Return where a newest-first list goes on after this page, None at its end.

    The list moves while it is walked: what changes goes to its front. So the next page is asked for
    by time, which neither skips nor goes stale; by Intercom's cursor only within a single second.
    """
    if after is None or not page:
        return None
    times = [one.updated_at // 1_000_000 for one in page]
    if _is_sorted(times) and times[-1] < before:
        told = tuple(one.id for one, at in zip(page, times, strict=True) if at == times[-1])
        return Place(before=times[-1], told=told)
    if after == place.after:
        raise Again("Intercom's search does not go on: it gave the same cursor twice")
    return Place(before=before, after=after, told=place.told)


def _marks(item: shapes.Listed, seats: Seats, first: int) -> Iterator[str]:
    """What the set-up is judged by: who gets new conversations, and whether Fin takes part."""
    if item.ai_agent_participated is True:
        yield "fin"
    if _second(item.created_at) < first:
        return
    yield "new"
    held = assigned_by_item(item, seats)
    if held is not None:
        yield f"new:team:{held.id}" if held.kind == "team" else f"new:{held.kind}"


def _is_sorted(times: Sequence[int]) -> bool:
    return all(one >= other for one, other in pairwise(times))


def _second(when: shapes.When | None) -> int:
    return 0 if when is None else micros_of(when, "updated_at") // 1_000_000


def _items(page: Json, name: str = "conversations") -> list[Json]:
    listed = page.get(name)
    if not isinstance(listed, list):
        raise Unreadable(f"{name} is missing: expected a list")
    return [item for item in listed if isinstance(item, dict)]


def _cursor_of(page: Json) -> str | None:
    following = _object(_object(page.get("pages")).get("next")).get("starting_after")
    return following if isinstance(following, str) and following else None


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _closed(place: Place) -> str:
    return msgspec.json.encode(place).decode()


_open: Callable[[str], Place] = msgspec.json.Decoder(Place).decode


def _opened(cursor: str) -> Place:
    try:
        return _open(cursor)
    except msgspec.MsgspecError as error:
        raise Unreadable("the cursor is not one of ours") from error
