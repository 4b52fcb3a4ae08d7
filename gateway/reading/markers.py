"""What a marker says: kept as data, worded when it is read, with the names of today."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any

from gateway.clock import from_micros

NameOf = Callable[[str, str | None, str | None], str]
"""Kind, id and stored name of somebody → the name to show."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# `{whom}` is the one it happened to; `{by}` becomes " by NAME" where somebody is known.
WORDS = {
    "handover": "Transfer to human agent at {at}",
    "assigned": "{whom} was assigned{by} at {at}",
    "assigned_team": "Team {whom} was assigned{by} at {at}",
    "assigned_bot": "{whom} was assigned{by} at {at}",
    "unassigned": "Unassigned{by} at {at}",
    "returned": "Returned to the AI agent{by} at {at}",
    "copilot_on": "Copilot switched on{by} at {at}",
    "copilot_off": "Copilot switched off{by} at {at}",
    "finished": "The session was resolved{by} at {at}",
    "reopened": "Conversation reopened{by} at {at}",
    "snoozed": "Conversation snoozed{by} at {at}",
    "unsnoozed": "Conversation taken up again{by} at {at}",
    "late_accept": "Nobody had accepted the session by {at}",
    "late_first_reply": "Nobody had replied by {at}",
    "late_reply": "The customer was still waiting for a reply at {at}",
    "other_bot": "{who} wrote as another bot at {at}",
}
_WHOM = {"assigned": "operator", "assigned_team": "team", "assigned_bot": "bot"}


def marker_text(data: Mapping[str, Any], name_of: NameOf, zone: tzinfo) -> str:
    """Word a marker: `Transfer to human agent at 22 Nov 2026, 16:08`.

    `data` is what handover.Marker was kept as: kind, by, whom and moment (µs since 1970).
    """
    kind = str(data["kind"])
    by = data.get("by") or {}
    whom = data.get("whom")
    words = WORDS.get(kind, kind.replace("_", " ").capitalize() + "{by} at {at}")
    return words.format(
        at=moment_text(int(data.get("moment") or 0), zone),
        whom=_whom(kind, whom, by, name_of),
        who=name_of(str(by.get("kind", "bot")), by.get("id"), by.get("name")),
        by=_by(by, name_of),
    )


def moment_text(micros: int, zone: tzinfo) -> str:
    """A moment as people read it: `22 Nov 2026, 16:08`, in the workspace's time zone."""
    moment = from_micros(micros).astimezone(zone)
    # Not strftime: its month names depend on the machine's locale.
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M}"


def _whom(kind: str, whom: str | None, by: Mapping[str, Any], name_of: NameOf) -> str:
    stored = by.get("name") if whom is not None and whom == by.get("id") else None
    if kind == "assigned_team":
        named = name_of("team", whom, None)
        return named.removeprefix("Team ") if whom and named == f"Team {whom}" else named
    return name_of(_WHOM.get(kind, "operator"), whom, stored)


def _by(by: Mapping[str, Any], name_of: NameOf) -> str:
    kind = str(by.get("kind", "system"))
    if kind == "ai":
        return " by the AI agent"
    if kind == "system" or not (by.get("id") or by.get("name")):
        return ""
    return f" by {name_of(kind, by.get('id'), by.get('name'))}"
