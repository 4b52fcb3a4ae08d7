"""Commands leave entries in the audit, as doors do."""

import getpass
from typing import Any

from sqlalchemy import select

from gateway.store import Database
from gateway.store.models import AuditEntry
from tests.cli.conftest import Gateway
from tests.cli.test_people import ANN


def told(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as db:
        rows = db.execute(
            select(
                AuditEntry.action, AuditEntry.object_kind, AuditEntry.outcome,
                AuditEntry.before, AuditEntry.after,
            ).order_by(AuditEntry.id)
        )  # fmt: skip
        return [tuple(row) for row in rows]


def test_people_and_tokens(on_migrated: Gateway, database: Database) -> None:
    on_migrated.run(*ANN)
    on_migrated.run(*ANN)  # changes nothing
    on_migrated.run("operators", "add", "ann@acme.test", "--link", "acme-intercom:77")
    secret = on_migrated.run("tokens", "add", "ann@acme.test").stdout.splitlines()[-1]
    token = on_migrated.run("tokens", "list").stdout.split()[0]
    assert on_migrated.run("tokens", "revoke", token).exit_code == 0
    assert on_migrated.run("tokens", "revoke", token).exit_code == 1
    with database.read() as db:
        entries = db.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    operator = entries[0].object_id
    assert told(database) == [
        ("add_operator", "operator", "done", {}, {
            "email": "ann@acme.test", "name": "Ann Lee", "role": "operator", "links": {},
            "active": True, "max_sessions": None, "working_hours": None, "days_off": [],
            "team_ids": [],
        }),
        ("link_operator", "operator", "done", {"links": {}}, {"links": {"acme-intercom": "77"}}),
        ("add_token", "token", "done", None, {"operator_id": operator}),
        ("revoke_token", "token", "done", None, None),
    ]  # fmt: skip
    assert {entry.actor_kind for entry in entries} == {"cli"}
    assert entries[0].actor_name.startswith(f"{getpass.getuser()}@")
    assert {entry.object_id for entry in entries[2:]} == {token}
    assert secret not in str([vars(entry) for entry in entries])


def test_a_replay(on_migrated: Gateway, database: Database) -> None:
    assert on_migrated.run("replay", "dlv_of_nobody").exit_code == 1
    assert [(action, outcome) for action, _, outcome, *_ in told(database)] == [
        ("replay", "begun"),
        ("replay", "refused"),
    ]
