"""The core knows no channel: none is named, nor imported, outside of the few places that list it.

Adding the web widget changed nothing there but `wiring.py`.
"""

import re
from pathlib import Path

import pytest

import gateway

ROOT = Path(gateway.__file__).parent
CORE = (
    "agents", "answers.py", "audit", "clock.py", "commands.py", "contacts", "conversations",
    "errors.py", "events.py", "feed", "handover", "hours.py", "inbox", "ladder.py", "people",
    "policy.py", "quota", "rails", "reading", "reconciling", "rules.py", "signs.py", "store",
    "streams", "subscribers", "sync", "wake.py", "watch",
)  # fmt: skip


@pytest.mark.parametrize("room", CORE)
def test_the_core_has_not_heard_of_the_widget(room: str) -> None:
    place = ROOT / room
    files = [place] if place.suffix else sorted(place.glob("**/*.py"))
    assert files
    for file in files:
        found = re.search(r"webwidget|WebWidget", file.read_text("utf-8"))
        assert found is None, f"{file.relative_to(ROOT)} names the widget"


def test_it_is_listed_in_the_wiring() -> None:
    assert "case WebWidgetSettings():" in (ROOT / "wiring.py").read_text("utf-8")
