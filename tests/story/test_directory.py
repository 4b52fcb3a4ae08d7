"""Names: learned from the channel's directory, and whose workspace the token opens."""

from __future__ import annotations

from sqlalchemy import select

from gateway.store.models import Staff
from intercom_standin.records import Team
from tests.rig import AOIFE, MAREK, Rig


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


def test_a_team_made_since_is_asked_for_when_it_is_first_named(it: Rig) -> None:
    cid = str(it.world.customer_starts("Hi", name="Cleo").conversation.id)
    it.settle()
    it.work("directory")
    it.advance(61)
    assert not it.bench.works["directory"].due(1)
    it.world.teams[777] = Team(id=777, name="Refunds", admin_ids=[])
    it.world.assign(cid, "team:777", by=AOIFE)
    it.settle()
    it.work("directory")
    with it.parts.database.read() as db:
        named = db.scalars(select(Staff.name).where(Staff.external_id == "777")).one()
    assert named == "Refunds"
    it.advance(61)
    assert not it.bench.works["directory"].due(1)


def test_whom_the_directory_does_not_know_is_not_asked_for_again_and_again(it: Rig) -> None:
    cid = str(it.world.customer_starts("Hi", name="Cleo").conversation.id)
    it.settle()
    it.work("directory")
    it.advance(61)
    it.world.assign(cid, MAREK, by=AOIFE)
    del it.world.admins[int(MAREK)]
    it.hear()
    it.work("directory")
    it.advance(61)
    assert not it.bench.works["directory"].due(1)


def test_people_follow_what_is_told_of_them(it: Rig) -> None:
    it.world.customer_starts("Hi", name="Cleo")
    it.settle()
    it.work("directory")
    it.world.set_away(AOIFE, away=True)
    it.hear()
    assert away(it, AOIFE) is True
    lost = it.world.set_away(AOIFE, away=False)
    assert lost.topics
    it.standin.notifier.take()
    it.advance(3601)
    it.work("directory")
    assert away(it, AOIFE) is False


def away(it: Rig, admin: str) -> bool | None:
    with it.parts.database.read() as db:
        return db.scalars(select(Staff.away).where(Staff.external_id == str(admin))).one()
