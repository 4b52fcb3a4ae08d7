"""Human Agents as it is seen: light, dark, narrow, empty, full; axe finds nothing wrong with it."""

from __future__ import annotations

from tests.console.axe import violations
from tests.console.people_house import PeopleHouse
from tests.console.window import NARROW, Windows

LONG = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh the Third of Somewhere Far Away"
RTL = "محمد عبد الله الطويل"


def test_it_is_accessible_in_every_state(office_windows: Windows) -> None:
    it, house = office_windows, office_windows.house
    assert isinstance(house, PeopleHouse)
    page = it.open("operator", "/console/human-agents")
    assert violations(page) == []
    it.picture(page, "human-agents-empty")

    vera = house.visitor("Vera", "vera@example.test")
    session = vera.says("Where is my parcel?")
    house.post(f"/sessions/{session}/handover", {"reason": "upset"})
    house.post(f"/sessions/{session}/messages", {"text": "Let me look:\n\n- one\n- `two`"})
    house.post(f"/sessions/{session}/notes", {"text": "Be kind"})
    vera.says("Thank you")
    waits = house.handed_over("W" * 300, name=LONG, email="a" * 60 + "@example.test")
    house.handed_over("مرحبا، أين طردي؟", name=RTL)
    theirs = house.session("1001")
    house.post(f"/sessions/{theirs}/handover")
    house.clock.advance(200)

    for look in ("light", "dark"):
        page.emulate_media(color_scheme=look)
        page.goto(f"/console/human-agents/{session}")
        assert violations(page) == []
        it.picture(page, f"human-agents-{look}")
        page.goto(f"/console/human-agents/{theirs}?group=agent")
        page.get_by_role("button", name="Assign…").click()
        page.get_by_text("Operator Ann (you)").wait_for()
        assert violations(page) == []
        it.picture(page, f"human-agents-assign-{look}")

    page.set_viewport_size(NARROW)
    for path, name in (("", "list"), (f"/{waits}", "session")):
        page.goto(f"/console/human-agents{path}")
        assert violations(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, "nothing is wider than the window"
        it.picture(page, f"human-agents-narrow-{name}")
