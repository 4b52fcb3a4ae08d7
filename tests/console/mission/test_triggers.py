"""DESIGN.md 1.1, M2 and M9: who hands over besides people, and who may not."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.console.mission.stage import HANDING, NOT_PERMITTED, Stage, cell, facts, markers, refuses

pytestmark = pytest.mark.browser


def test_three_triggers(stage: Stage) -> None:
    """M2: the AI's conditions and the customer's wish; by hand is the first story."""
    it = stage.house
    said = {
        "Can I talk to a person?": ("The customer asked", "The customer asked for a person."),
        "I want a refund of 640 EUR": (
            "The AI agent decided",
            "Refund of 640 EUR, above the limit",
        ),
    }
    sam = None
    for words, (trigger, reason) in said.items():
        when = it.next_minute()
        visitor = stage.visitor()
        visitor.write(words)
        visitor.sees(HANDING)
        session = it.session_of(visitor.id)
        path = f"/console/sessions/{session}"
        if sam is None:
            sam = stage.windows.open("vera", path)
        else:
            sam.goto(path)
        story = facts(sam).get_by_role("region", name="Session", exact=True)
        expect(story).to_contain_text(f"{trigger}, {when}")
        expect(story).to_contain_text(reason)
        expect(markers(sam)).to_have_text([f"Transfer to human agent at {when}"])
        expect(cell(sam, session, "Responsible")).to_have_text("Unassigned")


def test_whoever_may_only_look(stage: Stage) -> None:
    """M9: the third refusal."""
    it = stage.house
    started = it.standin.world.customer_starts("Hello", name="Olga")
    session = it.session_of(str(started.conversation.id))
    vera = stage.open("vera", f"/sessions/{session}")
    refuses(vera, NOT_PERMITTED)
    assert it.refusal(session, "vera") == (403, NOT_PERMITTED)
