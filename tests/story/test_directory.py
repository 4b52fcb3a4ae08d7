"""Names: learned from the channel's directory, and whose workspace the token opens."""

from __future__ import annotations

from tests.rig import AOIFE, Rig


def test_people_and_teams_are_known_by_name_after_the_directory_was_read(it: Rig) -> None:
    token = it.token()
    cid = str(it.world.customer_starts("Hi", name="Cleo").conversation.id)
    it.settle()
    it.work("directory")
    it.world.assign(cid, AOIFE, by="fin")
    it.settle()
    session = it.api("GET", f"/sessions/{it.session(cid).id}", token).json()
    assert session["responsible"]["name"] == "Aoife Byrne"


def test_the_directory_is_asked_once_an_hour(it: Rig) -> None:
    it.world.customer_starts("Hi", name="Cleo")
    it.settle()

    def asked() -> int:
        return sum(call.kind == "admins" for call in it.standin.requests)

    it.work("directory")
    it.work("directory")
    assert asked() == 1
    it.advance(3601)
    it.work("directory")
    assert asked() == 2
