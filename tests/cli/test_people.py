"""Operators and tokens by the command, on SQLite and on PostgreSQL."""

import pytest

from gateway.errors import NotAuthentic
from gateway.people import operators
from gateway.store import Database
from tests.cli.conftest import Gateway

ANN = ("operators", "add", "ann@acme.test", "--name", "Ann Lee", "--role", "operator")


def test_an_operator_is_added_with_links_and_listed(
    on_migrated: Gateway, database: Database
) -> None:
    result = on_migrated.run(*ANN, "--link", "acme-intercom:1396651")
    assert result.exit_code == 0
    assert result.stdout == "added ann@acme.test  Ann Lee  operator  acme-intercom:1396651\n"
    assert on_migrated.run("operators", "list").stdout == (
        "ann@acme.test  Ann Lee  operator  acme-intercom:1396651\n"
    )
    with database.read() as db:
        assert operators.find(db, "ann@acme.test").links == {"acme-intercom": "1396651"}


def test_the_same_again_changes_nothing_and_a_link_may_come_later(on_migrated: Gateway) -> None:
    assert on_migrated.run(*ANN).exit_code == 0
    assert on_migrated.run(*ANN).exit_code == 0
    added = on_migrated.run("operators", "add", "Ann@Acme.test", "--link", "acme-intercom:77")
    assert added.exit_code == 0
    assert added.stdout == "there already: ann@acme.test  Ann Lee  operator  acme-intercom:77\n"


@pytest.mark.parametrize("change", [("--role", "admin"), ("--name", "Bob"), ("--password-stdin",)])
def test_nothing_else_of_an_operator_can_be_changed(
    on_migrated: Gateway, change: tuple[str, ...]
) -> None:
    on_migrated.run(*ANN)
    result = on_migrated.run("operators", "add", "ann@acme.test", *change, stdin="a new password\n")
    assert result.exit_code == 1
    assert "there is an operator ann@acme.test already (Ann Lee, operator)" in result.stderr
    assert on_migrated.run("operators", "list").stdout == "ann@acme.test  Ann Lee  operator\n"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("ann@acme.test", "--role", "admin"), 2, "--name is missing"),
        (("ann@acme.test", "--name", "Ann"), 2, "--role is missing"),
        (("ann@acme.test", "--name", "Ann", "--role", "boss"), 2, "'boss'"),
        (("ann", "--name", "Ann", "--role", "admin"), 1, "not an e-mail address"),
        (("a@b.c", "--name", "A", "--role", "admin", "--link", "x"), 1, "CHANNEL:ADMIN_ID"),
        (("a@b.c", "--name", "A", "--role", "admin", "--link", "x:1"), 1, "no channel x"),
    ],
)
def test_what_cannot_be_is_refused(
    on_migrated: Gateway, arguments: tuple[str, ...], status: int, said: str
) -> None:
    result = on_migrated.run("operators", "add", *arguments)
    assert result.exit_code == status
    assert said in result.stderr
    assert on_migrated.run("operators", "list").stdout == ""


def test_a_person_in_a_channel_is_one_operator(on_migrated: Gateway) -> None:
    link = ("--link", "acme-intercom:1396651")
    assert on_migrated.run(*ANN, *link).exit_code == 0
    bob = ("operators", "add", "bob@acme.test", "--name", "Bob", "--role", "viewer")
    result = on_migrated.run(*bob, *link)
    assert result.exit_code == 1
    assert "linked to another operator already" in result.stderr
    # All or nothing: he was not added without his link.
    assert "bob" not in on_migrated.run("operators", "list").stdout


def test_a_password_is_read_from_standard_input(on_migrated: Gateway, database: Database) -> None:
    assert on_migrated.run(*ANN, "--password-stdin", stdin="s3cret words\nmore\n").exit_code == 0
    with database.read() as db:
        assert operators.password_holds(db, "ann@acme.test", "s3cret words")
    assert on_migrated.run(*ANN, "--password-stdin", stdin="").exit_code == 2


def test_a_password_is_set_anew(on_migrated: Gateway, database: Database) -> None:
    on_migrated.run(*ANN)
    for password in ("a first sentence", "a second sentence"):
        set_ = ("operators", "password", "ann@acme.test", "--password-stdin")
        assert on_migrated.run(*set_, stdin=f"{password}\n").exit_code == 0
        with database.read() as db:
            assert operators.password_holds(db, "ann@acme.test", password)
    assert on_migrated.run("operators", "password", "ann@acme.test").exit_code == 2
    nobody = ("operators", "password", "bob@acme.test", "--password-stdin")
    assert "there is no operator" in on_migrated.run(*nobody, stdin="12345678\n").stderr
    assert on_migrated.run(*set_, stdin="short\n").exit_code == 1


def test_the_last_line_is_the_token_until_it_is_revoked(
    on_migrated: Gateway, database: Database
) -> None:
    on_migrated.run(*ANN)
    made = on_migrated.run("tokens", "add", "ann@acme.test")
    assert made.exit_code == 0
    token = made.stdout.splitlines()[-1]
    with database.read() as db:
        assert operators.authenticate(db, token).email == "ann@acme.test"

    listed = on_migrated.run("tokens", "list", "ann@acme.test").stdout
    assert listed.endswith("  valid\n")
    assert token not in listed
    assert on_migrated.run("tokens", "revoke", listed.split()[0]).exit_code == 0
    with database.read() as db, pytest.raises(NotAuthentic):
        operators.authenticate(db, token)
    assert "revoked" in on_migrated.run("tokens", "list").stdout
    again = on_migrated.run("tokens", "revoke", listed.split()[0])
    assert again.exit_code == 1
    assert "no valid token" in again.stderr


def test_nobody_gets_no_token(on_migrated: Gateway) -> None:
    for arguments in (["tokens", "add", "x@y.test"], ["tokens", "list", "x@y.test"]):
        result = on_migrated.run(*arguments)
        assert result.exit_code == 1
        assert result.stderr == "gateway: there is no operator x@y.test\n"
