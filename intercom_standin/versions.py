"""API versions: which ones exist and what differs between them."""

from __future__ import annotations

import re

KNOWN = frozenset({f"2.{minor}" for minor in range(18)} | {"Unstable", "Preview"})


def number_of(version: str) -> tuple[int, int]:
    """Return a version's numbers, those without are the newest. Raises ValueError if unknown."""
    if version not in KNOWN:
        raise ValueError(f"no such Intercom API version: {version}")
    found = re.fullmatch(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (99, 0)


def webhook_bodies_are_plain_text(version: str) -> bool:
    """Vendor rule (changelog 2.15): webhook bodies and subjects are plain text."""
    return number_of(version) >= (2, 15)


def webhook_statistics_are_unix(version: str) -> bool:
    """Vendor rule (changelog 2.15): `statistics.*_at` of webhooks are integers."""
    return number_of(version) >= (2, 15)


def webhook_unassigned(version: str) -> int | None:
    """Vendor rule (2.16 spec): 0 means unassigned; older captures have null."""
    return 0 if number_of(version) >= (2, 16) else None


def priority_words(version: str) -> tuple[str, str]:
    """Vendor rule (2.16): none/…/urgent instead of not_priority/priority."""
    return ("none", "high") if number_of(version) >= (2, 16) else ("not_priority", "priority")


def merged_contact_is_gone(version: str) -> bool:
    """Vendor rule (2.16): a merged contact answers 410 with a Link, before that 404."""
    return number_of(version) >= (2, 16)


def lists_deleted_conversations(version: str) -> bool:
    """Vendor rule: GET /conversations/deleted exists since 2.16."""
    return number_of(version) >= (2, 16)


def cuts_contact_dates(version: str) -> bool:
    """Vendor rule (changelog 2.17): until then a search for contacts compares calendar days."""
    return number_of(version) < (2, 17)
