"""Edits owed to channels, without a channel: whose they are, and that equal ids never meet."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from gateway.contacts import editing, pushing
from gateway.store.models import ContactPush
from tests.contacts.town import ANN, Town


def edits(town: Town, contact: str, takers: tuple[str, ...], **given: Any) -> bool:
    return town.do(
        lambda db: editing.edit(db, editing.open_contact(db, contact), given, ANN, town.now, takers)
    )


def rows(town: Town) -> list[Any]:
    with town.database.read() as db:
        return list(db.execute(select(ContactPush.__table__).order_by(ContactPush.id)))


def test_equal_ids_of_two_workspaces_never_meet(town: Town) -> None:
    one = town.sees("v1", "chat", name="Ann", email="ann@acme.test")
    other = town.sees("v1", "shop", name="Olga", email="olga@acme.test")
    assert edits(town, one, ("chat", "shop"), name="Anna")
    (row,) = rows(town)
    assert (row.installation_id, row.external_id, row.details) == (
        "ins_chat", "v1", {"name": "Ann"},
    )  # fmt: skip
    # Joined, both are owed it, and each is told against its own word.
    town.merges(one, other)
    assert edits(town, one, ("chat", "shop"), phone="+353 1 555 0147", email="a@acme.test")
    owed = {row.installation_id: row.details for row in rows(town)}
    assert owed == {
        "ins_chat": {"name": "Ann", "phone": None, "email": "ann@acme.test"},
        "ins_shop": {"phone": None, "email": "olga@acme.test"},
    }
    for row in rows(town):
        begun = town.do(lambda db, id=row.id: pushing.begin(db, id, "mine", town.now))
        assert begun.command is not None
        assert begun.command.contact == "v1"
    town.sees("v1", "shop", email="a@acme.test", phone="00353 1 5550147")
    assert {row.installation_id: row.state for row in rows(town)} == {
        "ins_chat": "sending", "ins_shop": "sent",
    }  # fmt: skip


def test_only_channels_that_take_edits_are_owed_and_only_what_people_said(town: Town) -> None:
    one = town.sees("v1", "chat", name="Ann")
    town.merges(one, town.sees("v2", "shop", name="Annie"))
    town.learns(one, email="found@acme.test")
    town.edits(one, custom_tier="gold")
    assert rows(town) == []
    assert edits(town, one, ("shop",), name="Anna")
    (row,) = rows(town)
    assert (row.external_id, row.details) == ("v2", {"name": "Annie"})
    assert edits(town, one, (), name="Ann Lee") is False
