"""Searching and paging as Intercom's REST API does it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from intercom_standin.gate import ApiError
from intercom_standin.records import Contact, Conversation, Json

PER_PAGE_DEFAULT = 20
PER_PAGE_MAX = 150
FILTERS_MAX = 15
LEVELS_MAX = 2
DAY_S = 86_400
_CONTACT_DATES = ("created_at", "updated_at")

Read = Callable[[Any], Any]
Fields = Callable[[str], Read]


_CONVERSATION: dict[str, Callable[[Conversation], Any]] = {
    "id": lambda one: one.id,
    "created_at": lambda one: one.created_at,
    "updated_at": lambda one: one.updated_at,
    "state": lambda one: one.state,
    "open": lambda one: one.state == "open",
    "read": lambda one: one.read,
    "waiting_since": lambda one: one.waiting_since,
    "snoozed_until": lambda one: one.snoozed_until,
    "admin_assignee_id": lambda one: one.holding.admin_id or 0,
    "team_assignee_id": lambda one: one.holding.team_id or 0,
    "contact_ids": lambda one: one.contact.id,
    "ai_agent_participated": lambda one: one.ai_agent_participated,
    "source.id": lambda one: one.source_id,
    "source.type": lambda one: one.source_type,
    "source.delivered_as": lambda one: one.delivered_as,
    "source.subject": lambda one: one.subject,
    "source.body": lambda one: one.body,
    "source.author.id": lambda one: one.author.id,
    "source.author.type": lambda one: one.author.type,
    "source.author.email": lambda one: one.author.email,
}


_CONTACT: dict[str, Callable[[Contact], Any]] = {
    "id": lambda one: one.id,
    "role": lambda one: one.role,
    "name": lambda one: one.name,
    "email": lambda one: one.email,
    "phone": lambda one: one.phone,
    "external_id": lambda one: one.external_id,
    "created_at": lambda one: int(one.created_at),
    "updated_at": lambda one: int(one.updated_at),
}


def conversation_field(name: str) -> Read:
    """Return how a field of conversations is read. Raises ApiError where it is not searchable."""
    return _known(_CONVERSATION, name)


def contact_field(name: str) -> Read:
    """Return how a field of contacts is read. Raises ApiError where it is not searchable."""
    if name.startswith("custom_attributes."):
        attribute = name.removeprefix("custom_attributes.")
        return lambda one: one.custom_attributes.get(attribute)
    return _known(_CONTACT, name)


def contact_field_by_days(name: str) -> Read:
    """The same, with dates cut to the day."""
    read = contact_field(name)
    return (lambda one: read(one) // DAY_S * DAY_S) if name in _CONTACT_DATES else read


def by_days(query: Json) -> Json:
    """Return a checked query for contacts with its dates cut to the day (the workspace's: UTC)."""
    value = query.get("value")
    if query.get("operator") in ("AND", "OR") and isinstance(value, list):
        return {**query, "value": [by_days(one) for one in value]}
    if query.get("field") in _CONTACT_DATES and re.fullmatch(r"-?\d+", str(value)):
        return {**query, "value": int(str(value)) // DAY_S * DAY_S}
    return query


def check(query: Json, level: int = 0) -> None:
    """Raise ApiError on a query that Intercom refuses, whatever there is to find."""
    operator, value = query.get("operator"), query.get("value")
    if operator in ("AND", "OR"):
        if level >= LEVELS_MAX or not isinstance(value, list) or len(value) > FILTERS_MAX:
            # Vendor rule: at most 2 nesting levels and 15 filters in a group.
            raise ApiError(400, "parameter_invalid", "The query is nested or filtered too much")
        for one in value:
            check(one if isinstance(one, dict) else {}, level + 1)
    elif not isinstance(query.get("field"), str) or not isinstance(operator, str):
        raise ApiError(400, "parameter_invalid", "A filter needs field, operator and value")


def matcher(query: Json, field: Fields) -> Callable[[Any], bool]:
    """Return how it is told whether an item matches a checked query. Raises ApiError.

    Prepared once for all items: a workspace has thousands, and nobody else gets on meanwhile.
    """
    operator, value = query["operator"], query.get("value")
    if operator in ("AND", "OR"):
        found = [matcher(one, field) for one in value or []]
        whole = all if operator == "AND" else any
        return lambda item: whole(matches(item) for matches in found)
    read = field(query["field"])
    return lambda item: _compare(operator, read(item), value)


def page_of(
    items: Sequence[Any],
    *,
    key: Callable[[Any], tuple[Any, ...]],
    per_page: Any,
    starting_after: Any,
    descending: bool = True,
) -> tuple[list[Any], Json]:
    """Return one page of sorted items and `pages`; the cursor names the last item's place."""
    size = _per_page(per_page)
    ordered = sorted(items, key=key, reverse=descending)
    rest = ordered
    if starting_after:
        last = _opened(str(starting_after))
        rest = [one for one in ordered if (key(one) < last if descending else key(one) > last)]
    page = rest[:size]
    pages: Json = {
        "type": "pages",
        "page": (len(ordered) - len(rest)) // size + 1,
        "per_page": size,
        "total_pages": max(1, -(-len(ordered) // size)),
    }
    if len(rest) > size:
        cursor = base64.b64encode(json.dumps(key(page[-1])).encode()).decode()
        pages["next"] = {"per_page": size, "starting_after": cursor}
    return page, pages


def _opened(cursor: str) -> tuple[Any, ...]:
    try:
        return tuple(json.loads(base64.b64decode(cursor, validate=True)))
    except (binascii.Error, ValueError, TypeError) as error:
        raise ApiError(400, "parameter_invalid", "starting_after is not a cursor") from error


def _per_page(given: Any) -> int:
    if given in (None, ""):
        return PER_PAGE_DEFAULT
    if not re.fullmatch(r"\d+", str(given)) or not 1 <= int(given) <= PER_PAGE_MAX:
        raise ApiError(400, "parameter_invalid", f"per_page is 1 to {PER_PAGE_MAX}")
    return int(given)


def _known(fields: Mapping[str, Read], name: str) -> Read:
    if name not in fields:
        raise ApiError(400, "parameter_invalid", f"{name} is not a searchable field")
    return fields[name]


def _compare(operator: str, have: Any, want: Any) -> bool:
    if type(have) is type(want) is int and operator in "<>":  # what thousands are searched by
        return bool(have >= want if operator == ">" else have <= want)
    if operator in ("IN", "NIN"):
        if not isinstance(want, list):
            raise ApiError(400, "parameter_invalid", f"{operator} needs a list")
        return any(_same(have, one) for one in want) == (operator == "IN")
    if operator in ("=", "!="):
        return _same(have, want) == (operator == "=")
    if operator in (">", "<"):
        if have is None or not re.fullmatch(r"-?\d+", str(want)):
            return False
        # Vendor rule: `>` is documented as greater or equal.
        return int(have) >= int(want) if operator == ">" else int(have) <= int(want)
    text, part = str(have or "").lower(), str(want).lower()
    if operator in ("~", "!~"):
        return (part in text) == (operator == "~")
    if operator in ("^", "$"):
        return text.startswith(part) if operator == "^" else text.endswith(part)
    raise ApiError(400, "parameter_invalid", f"{operator} is not an operator")


def _same(have: Any, want: Any) -> bool:
    if isinstance(have, bool) or isinstance(want, bool):
        return str(have).lower() == str(want).lower()
    if have in (None, 0, "") and want in (None, 0, "0", ""):
        return True
    return str(have) == str(want)
