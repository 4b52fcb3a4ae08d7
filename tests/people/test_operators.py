"""Operators, links and tokens."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from gateway.errors import Conflict, NotAuthentic, NotFound, Unreadable
from gateway.people import operators
from gateway.store import Database
from gateway.store.models import Operator, Token

NOW = 1_700_000_000_000_000


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database(migrated_url)
    yield database
    database.dispose()


def add(database: Database, email: str, **more: str) -> operators.Operator:
    role = more.pop("role", "operator")
    name = more.pop("name", "Ann")
    return database.write(
        lambda db: operators.add(db, email=email, name=name, role=role, now=NOW, **more)
    )


def token_of(database: Database, operator_id: str) -> str:
    return database.write(lambda db: operators.new_token(db, operator_id, NOW))


def test_a_token_acts_as_its_operator(database: Database) -> None:
    ann = add(database, "ann@acme.test", role="admin")
    add(database, "bob@acme.test")
    for channel, id in (("one", "1"), ("two", "2")):
        database.write(lambda db, c=channel, i=id: operators.link(db, ann.id, c, i))
    token = token_of(database, ann.id)
    with database.read() as db:
        known = operators.authenticate(db, token)
    assert known.token_id is not None
    assert replace(known, token_id=None) == operators.Operator(
        id=ann.id, email="ann@acme.test", name="Ann", role="admin",
        links={"one": "1", "two": "2"},
    )  # fmt: skip


def test_only_the_tokens_hash_is_kept(database: Database) -> None:
    token = token_of(database, add(database, "ann@acme.test").id)
    assert len(token) == len("gwt_") + 43
    with database.read() as db:
        kept = db.execute(select(*Token.__table__.columns)).one()
    assert kept.digest == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(kept)
    assert token_of(database, kept.operator_id) != token


@pytest.mark.parametrize(
    "token", ["", "gwt_", "x", "gwt_" + "a" * 43, "gwt_\x00", "gwt_" + "ü" * 43]
)
def test_anything_else_is_not_authentic(database: Database, token: str) -> None:
    token_of(database, add(database, "ann@acme.test").id)
    with database.read() as db, pytest.raises(NotAuthentic) as refused:
        operators.authenticate(db, token)
    assert len(token) < 5 or token not in refused.value.message


def test_an_address_is_one_person_whatever_its_case(database: Database) -> None:
    ann = add(database, " Ann@Acme.test ")
    assert ann.email == "ann@acme.test"
    with pytest.raises(Conflict):
        add(database, "ANN@acme.test")
    with database.read() as db:
        assert operators.find(db, "aNN@acme.TEST").id == ann.id
        with pytest.raises(NotFound):
            operators.find(db, "bob@acme.test")


@pytest.mark.parametrize(
    ("email", "name", "role"),
    [
        ("", "Ann", "admin"),
        ("ann", "Ann", "admin"),
        ("ann@a b", "Ann", "admin"),
        ("a" * 250 + "@b.test", "Ann", "admin"),
        ("ann\x00@acme.test", "Ann", "admin"),
        ("ann@acme.test", " ", "admin"),
        ("ann@acme.test", "\x00", "admin"),
        ("ann@acme.test", "Ann", "boss"),
        ("ann@acme.test", "Ann", "Admin"),
    ],
)
def test_what_cannot_be_is_refused(database: Database, email: str, name: str, role: str) -> None:
    with pytest.raises(Unreadable):
        add(database, email, name=name, role=role)
    with database.read() as db:
        assert db.execute(select(Operator.id)).all() == []


def test_a_person_in_a_channel_is_linked_once(database: Database) -> None:
    ann, bob = add(database, "ann@acme.test"), add(database, "bob@acme.test")
    database.write(lambda db: operators.link(db, ann.id, "intercom", "500"))
    database.write(lambda db: operators.link(db, ann.id, "intercom", "500"))
    with pytest.raises(Conflict):
        database.write(lambda db: operators.link(db, bob.id, "intercom", "500"))
    database.write(lambda db: operators.link(db, ann.id, "intercom", "501"))
    database.write(lambda db: operators.link(db, bob.id, "intercom", "500"))
    with database.read() as db:
        assert operators.find(db, ann.email).links == {"intercom": "501"}
        assert operators.find(db, bob.email).links == {"intercom": "500"}


@pytest.mark.parametrize("text", ["", ":", "intercom", "intercom:", ":500"])
def test_a_link_names_both_sides(text: str) -> None:
    with pytest.raises(Unreadable):
        operators.read_link(text)
    assert operators.read_link("acme-intercom:500") == ("acme-intercom", "500")


def test_passwords_are_kept_as_hashes(database: Database) -> None:
    add(database, "ann@acme.test", password="correct horse")
    add(database, "bob@acme.test")
    with pytest.raises(Unreadable):
        add(database, "eve@acme.test", password="short")
    with database.read() as db:
        kept = db.scalar(select(Operator.password_hash).where(Operator.email == "ann@acme.test"))
        assert kept is not None
        assert kept.startswith("$argon2id$")
        assert "horse" not in kept
        assert operators.password_holds(db, "Ann@acme.test", "correct horse")
        assert not operators.password_holds(db, "ann@acme.test", "correct hors")
        assert not operators.password_holds(db, "bob@acme.test", "")
        assert not operators.password_holds(db, "nobody@acme.test", "correct horse")
