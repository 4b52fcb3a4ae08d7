"""Whose notifications these are: pinned by the first, unless the settings say it."""

from __future__ import annotations

from collections.abc import Callable

from tests.rig import Rig


def states(it: Rig) -> list[str]:
    token = it.token()
    return [d["state"] for d in it.api("GET", "/deliveries", token).json()["items"]]


def test_a_notification_that_names_no_workspace_pins_none(it: Rig) -> None:
    it.standin.notifier.app_id = ""
    it.world.customer_starts("Hello", name="Nobody")
    it.hear()
    assert set(states(it)) == {"foreign"}
    it.standin.notifier.app_id = "abc123std"
    it.world.customer_starts("Hello", name="Cleo")
    it.hear()
    assert len(it.sessions()) == 1


def test_what_the_settings_say_wins_over_what_was_pinned(make_rig: Callable[..., Rig]) -> None:
    first = make_rig()
    first.standin.notifier.app_id = "wrong"
    first.world.customer_starts("Hello", name="Wrong")
    first.hear()
    assert len(first.sessions()) == 1
    second = make_rig(app_id="abc123std")
    second.world.customer_starts("Hello", name="Right")
    second.hear()
    assert len(second.sessions()) == 2
    second.standin.notifier.app_id = "wrong"
    second.world.customer_starts("Hello", name="Wrong again")
    second.hear()
    assert len(second.sessions()) == 2
