"""Operators and teams changed by the command, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from gateway.errors import NotAuthentic
from gateway.people import operators
from gateway.store import Database, Transaction
from gateway.store.models import AuditEntry, OperatorIdentity
from tests.cli.conftest import Gateway
from tests.cli.test_people import ANN

EDIT = ("operators", "edit", "ann@acme.test")


def test_teams_and_a_limit_from_the_beginning(gateway: Gateway) -> None:
    for name in ("First line", "Night"):
        assert gateway.run("teams", "add", name).stdout == f"added {name}\n"
    added = gateway.run(*ANN, "--team", "First line", "--max-sessions", "5")
    line = "ann@acme.test  Ann Lee  operator  team:First line  max:5"
    assert added.stdout == f"added {line}\n"
    again = gateway.run(*ANN, "--max-sessions", "5", "--team", "Night")
    assert again.stdout == (
        "there already: ann@acme.test  Ann Lee  operator  team:First line  team:Night  max:5\n"
    )
    refused = gateway.run(*ANN, "--max-sessions", "6")
    assert (refused.exit_code, "operators edit" in refused.stderr) == (1, True)
    assert gateway.run("teams", "list").stdout == (
        "First line  ann@acme.test\nNight  ann@acme.test\n"
    )


def test_what_is_named_changes_and_the_rest_stays(on_migrated: Gateway, database: Database) -> None:
    on_migrated.run("teams", "add", "Night")
    on_migrated.run(*ANN, "--link", "acme-intercom:77", "--team", "Night")
    changed = on_migrated.run(
        *EDIT, "--name", "Ann B", "--role", "admin", "--max-sessions", "2",
        "--working-hours", "Mon-Fri  09:00-17:00", "--day-off", "2026-12-25",
        "--day-off", "2026-12-24",
    )  # fmt: skip
    assert changed.stdout == (
        "changed ann@acme.test  Ann B  admin  acme-intercom:77  team:Night  max:2  "
        "hours:Mon-Fri 09:00-17:00  off:2026-12-24  off:2026-12-25\n"
    )
    same = on_migrated.run(*EDIT, "--role", "admin")
    assert same.stdout.startswith("the same as before: ann@acme.test  Ann B  admin")
    cleared = on_migrated.run(
        *EDIT, "--no-limit", "--working-hours", "default", "--day-on", "2026-12-25",
        "--leave-team", "Night", "--unlink", "acme-intercom",
    )  # fmt: skip
    assert cleared.stdout == "changed ann@acme.test  Ann B  admin  off:2026-12-24\n"
    with database.read() as db:
        actions = list(db.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))
    assert actions == ["add_team", "add_operator", "edit_operator", "edit_operator"]


CANNOT_BE: list[tuple[tuple[str, ...], int, str]] = [
    (("nobody@acme.test",), 1, "there is no operator"),
    (("ann@acme.test", "--max-sessions", "0"), 1, "max_sessions is 1 to"),
    (("ann@acme.test", "--max-sessions", "2", "--no-limit"), 2, "exclude each other"),
    (("ann@acme.test", "--working-hours", "9 to 5"), 1, "working_hours: '9' is no day"),
    (("ann@acme.test", "--day-off", "25 December"), 2, "25 December"),
    (("ann@acme.test", "--team", "No such"), 1, "there is no team No such"),
    (("ann@acme.test", "--link", "x:1"), 1, "there is no channel x"),
    (("ann@acme.test", "--unlink", "x"), 1, "there is no channel x"),
    (("ann@acme.test", "--name", ""), 1, "a name has"),
]


def test_what_cannot_be_changes_nothing(gateway: Gateway) -> None:
    gateway.run(*ANN)
    for arguments, status, said in CANNOT_BE:
        result = gateway.run("operators", "edit", *arguments)
        assert (result.exit_code, said in result.stderr) == (status, True), arguments
    assert gateway.run("operators", "list").stdout == "ann@acme.test  Ann Lee  operator\n"


def test_who_somebody_is_at_the_provider_can_be_forgotten(
    gateway: Gateway, database: Database
) -> None:
    gateway.run(*ANN)
    said = gateway.run("operators", "unlink", "Ann@acme.test").stdout
    assert said == "ann@acme.test is linked to nobody, as before\n"

    def link(db: Transaction) -> None:
        db.add(
            OperatorIdentity(
                issuer="https://id.acme.test", subject="sub-ann", email="ann@acme.test",
                operator_id=operators.find(db, "ann@acme.test").id, linked_at=1, used_at=1,
            )
        )  # fmt: skip

    database.write(link)
    said = gateway.run("operators", "unlink", "ann@acme.test").stdout
    assert said == "ann@acme.test is linked to nobody\n"
    with database.read() as db:
        assert db.scalars(select(OperatorIdentity.subject)).all() == []
        actions = db.scalars(select(AuditEntry.action)).all()
    assert actions.count("unlink_identity") == 1
    assert gateway.run("operators", "unlink", "nobody@acme.test").exit_code == 1


def test_who_is_deactivated_is_out_until_activated(
    on_migrated: Gateway, database: Database
) -> None:
    on_migrated.run(*ANN)
    token = on_migrated.run("tokens", "add", "ann@acme.test").stdout.splitlines()[-1]
    gone = on_migrated.run("operators", "deactivate", "Ann@acme.test")
    assert gone.stdout == "changed ann@acme.test  Ann Lee  operator  deactivated\n"
    with database.read() as db, pytest.raises(NotAuthentic):
        operators.authenticate(db, token)
    assert "deactivated" in on_migrated.run("operators", "list").stdout
    back = on_migrated.run("operators", "activate", "ann@acme.test")
    assert back.stdout == "changed ann@acme.test  Ann Lee  operator\n"
    with database.read() as db, pytest.raises(NotAuthentic):
        operators.authenticate(db, token)


def test_the_last_administrator_stays(gateway: Gateway) -> None:
    gateway.run("operators", "add", "ann@acme.test", "--name", "Ann", "--role", "admin")
    for arguments in (
        ("deactivate", "ann@acme.test"),
        ("edit", "ann@acme.test", "--role", "viewer"),
    ):
        refused = gateway.run("operators", *arguments)
        assert (refused.exit_code, "nobody could administrate" in refused.stderr) == (1, True)


def test_a_teams_life(gateway: Gateway) -> None:
    gateway.run("teams", "add", "Night")
    assert gateway.run("teams", "add", "Night").exit_code == 1
    gateway.run(*ANN, "--team", "Night")
    assert gateway.run("teams", "rename", "Night", "Late").stdout == "Night is Late now\n"
    assert gateway.run("teams", "list").stdout == "Late  ann@acme.test\n"
    unknown = gateway.run("teams", "remove", "Night")
    assert (unknown.exit_code, unknown.stderr) == (
        1, "gateway: there is no team Night; there are: Late\n"
    )  # fmt: skip
    assert gateway.run("teams", "remove", "Late").stdout == "removed Late\n"
    assert gateway.run("teams", "list").stdout == ""
    assert gateway.run("operators", "list").stdout == "ann@acme.test  Ann Lee  operator\n"


def test_a_team_that_settings_name_stays(gateway: Gateway) -> None:
    path = gateway.folder / "gateway.toml"
    text = path.read_text().replace("[agents.shop]", '[agents.shop]\nteam = "Night"')
    path.write_text(text)
    gateway.run("teams", "add", "Night")
    refused = gateway.run("teams", "remove", "Night")
    assert (refused.exit_code, "[agents.shop]" in refused.stderr) == (1, True)


def test_doctor_looks_for_those_whom_agents_name(gateway: Gateway) -> None:
    path = gateway.folder / "gateway.toml"
    named = 'operators = ["Ann@acme.test", "vic@acme.test"]\nteam = "Night"'
    path.write_text(path.read_text().replace("[agents.shop]", f"[agents.shop]\n{named}"))
    gateway.run(*ANN)
    gateway.run("operators", "add", "vic@acme.test", "--name", "Vic", "--role", "viewer")
    said = gateway.run("doctor").stdout
    assert "names vic@acme.test, who is no active operator" in said
    assert "names the team Night, which is not there" in said
    assert "Ann@acme.test, who" not in said
    gateway.run("teams", "add", "Night")
    gateway.run("operators", "edit", "vic@acme.test", "--role", "operator")
    assert "[agents.shop] names people who are there" in gateway.run("doctor").stdout
