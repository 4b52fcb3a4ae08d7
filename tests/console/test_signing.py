"""Coming in and going out: what the form takes, and what it gives nobody."""

from __future__ import annotations

import pytest

from tests.console.house import ConsoleHouse


def test_whoever_signs_in_is_sent_where_they_wanted_to_go(house: ConsoleHouse) -> None:
    browser = house.stranger()
    answer = browser.get("/customers?q=ann")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/console/login?next=%2Fconsole%2Fcustomers%3Fq%3Dann"
    answer = browser.sign_in("operator@acme.test", next="/console/customers?q=ann")
    assert answer.headers["Location"] == "/console/customers?q=ann"
    assert "Operator Ann" in browser.html("/customers")


@pytest.mark.parametrize(
    ("role", "start"),
    [("admin", "sessions"), ("viewer", "sessions"), ("operator", "human-agents")],
)
def test_everybody_begins_with_their_page(house: ConsoleHouse, role: str, start: str) -> None:
    answer = house.browser(role).get("")
    assert answer.headers["Location"] == f"/console/{start}"
