"""A session's history in pages: every kind of line, in order, and nothing that could be run."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC
from html import unescape

import pytest

from gateway.console.history import LINES
from gateway.console.words import outside, size
from gateway.events import Actor, Attachment
from gateway.reading.messages import find_latest
from tests.console.house import ConsoleHouse, words

BOB = Actor(kind="operator", id="500", name="Bob")
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def part(house: ConsoleHouse, session: str, query: str = "?after=") -> str:
    answer = house.browser("viewer").part(f"/parts/history/{session}{query}")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_every_kind_of_line_is_there(house: ConsoleHouse) -> None:
    house.staff("operator", "500", "Bob")
    session = house.session("1001", "Where is my parcel?")
    house.happen("1001", house.assigned("1001", "operator", "500"))
    house.happen("1001", house.said("1001", "It is on its way", BOB))
    house.happen("1001", house.noted("1001", "A difficult one", BOB))
    html = part(house, session)
    said = words(html)
    assert "22 Nov 2026" in said
    assert "Transfer to human agent at 22 Nov 2026, 16:00" in said
    assert "Bob was assigned by Bob at 22 Nov 2026, 16:00" in said
    places = [said.index(text) for text in ("parcel?", "Transfer to", "on its way", "difficult")]
    assert places == sorted(places)
    assert 'class="line line-note line-ours' in html
    assert re.search(r'<time datetime="2026-11-22T16:00:\d\d\.\d{3}Z" title="[^"]* UTC">', html)


def test_words_of_ours_say_how_far_they_are(house: ConsoleHouse) -> None:
    session = house.session()
    house.post(f"/sessions/{session}/messages", {"text": "Here I **am**"})
    html = part(house, session)
    assert "<strong>am</strong>" in html
    assert "Sending" in words(html)
    assert 'title="Waits to be sent"' in html


def test_nothing_that_was_said_can_be_run(house: ConsoleHouse) -> None:
    session = house.session("1001", SCRIPT)
    evil = Attachment(url="javascript:alert(3)", name=SCRIPT, content_type="text/html", size=3)
    by = Actor(kind="customer", id="c1", name=SCRIPT)
    fact = house.said("1001", "", by)
    house.happen("1001", replace(fact, attachments=[evil]))
    html = part(house, session)
    assert "<script" not in html
    assert "<img" not in html
    assert "javascript:" not in html
    assert "&lt;script&gt;" in html


def test_a_long_history_is_read_from_a_place_in_both_directions(house: ConsoleHouse) -> None:
    session = house.session("1001", "line 0.")
    house.happen("1001", *[house.said("1001", f"line {number}.") for number in range(1, 230)])
    with house.database.read() as db:
        latest = find_latest(db, session, zone=UTC, limit=LINES)
    newest = part(house, session, f"?after={latest.start}")
    assert (newest.count("data-kind"), "line 229." in newest, "line 129." in newest) == (
        100,
        True,
        False,
    )
    earlier = part(house, session, f"?before={latest.start}")
    assert ("line 129." in earlier, "line 30." in earlier, "line 29." in earlier) == (
        True, True, False,
    )  # fmt: skip
    found = re.search(r'data-earlier="([^"]+)"', earlier)
    assert found
    first = house.browser("viewer").part(unescape(found[1]).removeprefix("/console")).text
    assert "line 0." in first
    assert "data-earlier" not in first
    assert house.browser("viewer").part(f"/parts/history/{session}?before=x").status_code == 400


def test_only_ids_of_sessions_that_are_there_are_known(house: ConsoleHouse) -> None:
    browser = house.browser("viewer")
    for id in ("ses_" + "0" * 26, "con_" + "0" * 26, "1", "..%2F..%2Fetc"):
        assert browser.part(f"/parts/history/{id}").status_code == 404, id
    assert house.stranger().part("/parts/history/ses_" + "0" * 26).status_code == 401


@pytest.mark.parametrize(
    ("address", "followed"),
    [
        ("https://downloads.example/a.png", True),
        ("/api/v1/files/fil_1", True),
        ("//elsewhere.example", False),
        ("/\\elsewhere.example", False),
        (" javascript:alert(1)", False),
        ("data:text/html,x", False),
        (None, False),
    ],
)
def test_addresses_lead_to_the_web_or_to_us(address: str | None, followed: bool) -> None:
    assert (outside(address) != "#") is followed


def test_sizes_are_told_as_people_say_them() -> None:
    assert [size(n) for n in (None, 12, 48_213, 1_234_567)] == ["", "12 B", "48 kB", "1.2 MB"]
