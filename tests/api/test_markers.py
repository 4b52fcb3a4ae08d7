"""What markers say, word by word."""

from datetime import UTC, datetime
from typing import Any, get_args, get_type_hints
from zoneinfo import ZoneInfo

import pytest

from gateway.clock import to_micros
from gateway.handover import Marker
from gateway.reading.markers import WORDS, marker_text, moment_text
from gateway.reading.names import Names, Person

AT = to_micros(datetime(2026, 11, 22, 16, 8, 59, tzinfo=UTC))
DUBLIN = ZoneInfo("Europe/Dublin")
NAMES = Names(
    known={
        ("ins_1", "operator", "500"): "Bob",
        ("ins_1", "team", "77"): "Refunds",
        ("ins_1", "bot", "9"): "Fin",
        ("ins_2", "operator", "500"): "Somebody else's Bob",
    },
    ours={"opr_1": "Ann"},
)


def name_of(kind: str, id: str | None, stored: str | None) -> str:
    return NAMES.name(Person("ins_1", kind, id), stored)


def told(kind: str, by: Any = None, whom: str | None = None) -> str:
    by = by or {"kind": "system", "id": None, "name": None}
    return marker_text({"kind": kind, "by": by, "whom": whom, "moment": AT}, name_of, DUBLIN)


BOB = {"kind": "operator", "id": "500", "name": "Robert as he was called"}
ANN = {"kind": "operator", "id": "opr_1", "name": None}
AI = {"kind": "ai", "id": None, "name": "support"}
STRANGER = {"kind": "operator", "id": "123", "name": None}
NAMED = {"kind": "operator", "id": "123", "name": "Zoe"}
NOWHERE = {"kind": "operator", "id": None, "name": None}
END = "at 22 Nov 2026, 16:08"


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("handover", BOB), f"Transfer to human agent {END}"),
        (("assigned", BOB, "500"), f"Bob was assigned by Bob {END}"),
        (("assigned", ANN, "500"), f"Bob was assigned by Ann {END}"),
        (("assigned", AI, "500"), f"Bob was assigned by the AI agent {END}"),
        (("assigned", None, "500"), f"Bob was assigned {END}"),
        (("assigned", NOWHERE, "500"), f"Bob was assigned {END}"),
        (("assigned", BOB, "123"), f"Teammate 123 was assigned by Bob {END}"),
        (("assigned", STRANGER, "123"), f"Teammate 123 was assigned by Teammate 123 {END}"),
        (("assigned", NAMED, "123"), f"Zoe was assigned by Zoe {END}"),
        (("assigned", BOB, "opr_1"), f"Ann was assigned by Bob {END}"),
        (("assigned_team", BOB, "77"), f"Team Refunds was assigned by Bob {END}"),
        (("assigned_team", BOB, "78"), f"Team 78 was assigned by Bob {END}"),
        (("assigned_bot", BOB, "9"), f"Fin was assigned by Bob {END}"),
        (("assigned_bot", None, "10"), f"Bot 10 was assigned {END}"),
        (("unassigned", BOB), f"Unassigned by Bob {END}"),
        (("unassigned",), f"Unassigned {END}"),
        (("returned", BOB), f"Returned to the AI agent by Bob {END}"),
        (("returned",), f"Returned to the AI agent {END}"),
        (("copilot_on", ANN), f"Copilot switched on by Ann {END}"),
        (("copilot_off", ANN), f"Copilot switched off by Ann {END}"),
        (("finished", BOB), f"The session was resolved by Bob {END}"),
        (("finished", AI), f"The session was resolved by the AI agent {END}"),
        (("finished",), f"The session was resolved {END}"),
        (("reopened", BOB), f"Conversation reopened by Bob {END}"),
        (("snoozed", BOB), f"Conversation snoozed by Bob {END}"),
        (("unsnoozed",), f"Conversation taken up again {END}"),
        (
            ("other_bot", {"kind": "bot", "id": "9", "name": None}),
            f"Fin wrote as another bot {END}",
        ),
        (("of_a_later_version", BOB), f"Of a later version by Bob {END}"),
    ],
)
def test_markers_are_worded(args: tuple[Any, ...], expected: str) -> None:
    assert told(*args) == expected


def test_every_kind_of_marker_has_words() -> None:
    assert set(WORDS) == set(get_args(get_type_hints(Marker)["kind"]))


def test_names_that_look_like_placeholders_are_left_alone() -> None:
    braces = {"kind": "operator", "id": "1", "name": "{at} {0} %s"}
    assert told("finished", braces) == "The session was resolved by {at} {0} %s " + END


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", "22 Nov 2026, 16:08"),
        ("Asia/Tokyo", "23 Nov 2026, 01:08"),
        ("America/New_York", "22 Nov 2026, 11:08"),
    ],
)
def test_moments_are_told_in_the_workspaces_time(zone: str, expected: str) -> None:
    assert moment_text(AT, ZoneInfo(zone)) == expected


def test_summer_time_and_single_digits() -> None:
    summer = to_micros(datetime(2026, 7, 5, 23, 30, tzinfo=UTC))
    assert moment_text(summer, DUBLIN) == "6 Jul 2026, 00:30"
