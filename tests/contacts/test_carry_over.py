"""A database of an earlier version: who was known is known, and what a merge left over is gone."""

from __future__ import annotations

from alembic import command
from sqlalchemy import text

from gateway.store import Database, migrate
from gateway.store.migrate import _config
from tests.contacts.town import Town

OLD = "0010"


def test_contacts_are_carried_over(database_url: str) -> None:
    database = Database(database_url)
    with database.engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, OLD)
        rows = {
            "installations": [
                {"id": "ins_chat", "channel": "chat", "slot": "", "external_id": "chat",
                 "created_at": 1},
            ],
            "contacts": [
                {"id": "con_ann", "name": "Ann", "email": "Ann@Acme.test", "phone": "0035315550147",
                 "external_id": None, "verified": False, "deleted": True, "as_of": 7,
                 "created_at": 1},
                {"id": "con_nobody", "name": None, "email": None, "phone": None,
                 "external_id": None, "verified": False, "deleted": False, "as_of": 0,
                 "created_at": 2},
                {"id": "con_left_over", "name": "Lead", "email": None, "phone": None,
                 "external_id": None, "verified": False, "deleted": False, "as_of": 3,
                 "created_at": 3},
            ],
            "contact_identities": [
                {"installation_id": "ins_chat", "external_id": "a", "contact_id": "con_ann"},
                {"installation_id": "ins_chat", "external_id": "lead", "contact_id": "con_ann"},
                {"installation_id": "ins_chat", "external_id": "n", "contact_id": "con_nobody"},
            ],
        }  # fmt: skip
        for table, several in rows.items():
            for row in several:
                names = ", ".join(row)
                values = ", ".join(f":{name}" for name in row)
                connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)
        connection.commit()
    database.dispose()
    migrate(database_url)
    town = Town(database_url, founded=True)
    try:
        assert town.standing() == {"con_ann": "con_ann", "con_nobody": "con_nobody"}
        assert town.listed() == ["con_ann"]
        card = town.card("con_ann")
        assert (card["email"], card["level"], card["verified"]) == (
            "ann@acme.test", "claimed", False,
        )  # fmt: skip
        assert [one["id"] for one in card["identities"]] == ["a", "lead"]
        assert card["identities"][0]["deleted"] is True
        assert card["details"]["name"]["value"] == "Ann"
        town.sees("n", phone="+353 1 555 0147")
        assert [one["contact"]["id"] for one in town.suggested("con_nobody")] == ["con_ann"]
    finally:
        town.database.dispose()
