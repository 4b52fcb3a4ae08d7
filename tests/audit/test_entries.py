"""Audit entries: what they may hold, and that nobody changes or removes them."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from gateway import audit
from gateway.audit import SYSTEM, Thing, Who
from gateway.audit.masking import HIDDEN, MOST_BYTES, masked
from gateway.store import Database
from gateway.store.models import AuditEntry

ANN = Who(kind="operator", id="opr_1", name="Ann", token_id="tok_1", address="192.0.2.1")


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database(migrated_url)
    yield database
    database.dispose()


def written(database: Database, *moments: int) -> list[str]:
    return [
        database.write(lambda db, now=now: audit.write(db, ANN, "act", Thing("x", "1"), now=now))  # type: ignore[misc]
        for now in moments
    ]


def kept(database: Database) -> list[int]:
    with database.read() as db:
        return list(db.scalars(select(AuditEntry.at).order_by(AuditEntry.at)))


def test_an_entry_says_who_did_what_to_what(database: Database) -> None:
    before, after = audit.changes({"mode": "ai", "epoch": 1}, {"mode": "human", "epoch": 1})
    database.write(
        lambda db: audit.write(
            db, ANN, "hand_over", Thing("session", "ses_1"), before, after, now=7
        )
    )
    with database.read() as db:
        entry = db.scalars(select(AuditEntry)).one()
    assert (entry.actor_kind, entry.actor_id, entry.actor_name) == ("operator", "opr_1", "Ann")
    assert (entry.token_id, entry.address, entry.at) == ("tok_1", "192.0.2.1", 7)
    assert (entry.action, entry.object_kind, entry.object_id) == ("hand_over", "session", "ses_1")
    assert (entry.before, entry.after) == ({"mode": "ai"}, {"mode": "human"})
    assert (entry.outcome, entry.reason) == ("done", None)


def test_a_refusal_has_its_reason_and_nothing_else_has(database: Database) -> None:
    for outcome, reason in (("refused", None), ("done", "why"), ("nonsense", None)):
        with pytest.raises(DBAPIError):
            database.write(
                lambda db, outcome=outcome, reason=reason: audit.write(  # type: ignore[misc]
                    db, SYSTEM, "act", None, now=1, outcome=outcome, reason=reason
                )
            )
    database.write(
        lambda db: audit.write(db, SYSTEM, "act", None, now=1, outcome="refused", reason="no")
    )
    assert kept(database) == [1]


def test_entries_are_never_changed(database: Database) -> None:
    written(database, 1)
    for change in ({"reason": "x", "outcome": "refused"}, {"actor_name": "Bob"}, {"at": 0}):
        with pytest.raises(DBAPIError, match="never changed"):
            database.write(lambda db, change=change: db.execute(update(AuditEntry).values(change)))  # type: ignore[misc]
    assert kept(database) == [1]


def test_entries_are_removed_behind_the_horizon_only(database: Database) -> None:
    written(database, 10, 20, 30)
    with pytest.raises(DBAPIError, match="horizon"):
        database.write(lambda db: db.execute(delete(AuditEntry)))
    if not database.is_sqlite:
        with pytest.raises(DBAPIError, match="horizon"):
            database.write(lambda db: db.execute(text("TRUNCATE audit")))
    assert kept(database) == [10, 20, 30]
    assert database.write(lambda db: audit.forget(db, 25, most=1)) == 1
    assert database.write(lambda db: audit.forget(db, 25)) == 1
    assert database.write(lambda db: audit.forget(db, 25)) == 0
    assert kept(database) == [30]
    with pytest.raises(DBAPIError, match="horizon"):
        database.write(lambda db: db.execute(delete(AuditEntry).where(AuditEntry.at == 30)))


def test_an_act_that_is_undone_leaves_no_entry(database: Database) -> None:
    def break_off(db: Any) -> None:
        audit.write(db, ANN, "act", None, now=1)
        raise KeyError("undone")

    with pytest.raises(KeyError):
        database.write(break_off)
    with database.read() as db:
        assert db.scalar(select(func.count()).select_from(AuditEntry)) == 0


def test_what_changed_is_told_by_what_differs() -> None:
    assert audit.changes({}, {"a": 1}) == ({}, {"a": 1})
    assert audit.changes({"a": 1}, {}) == ({"a": 1}, {})
    assert audit.changes({"a": 1, "b": None}, {"a": 1, "b": 2}) == ({"b": None}, {"b": 2})


def test_secrets_and_words_are_not_told() -> None:
    told = masked(
        {
            "client_secret": "s", "access_token": "t", "password": "p", "Authorization": "Bearer x",
            "secrets": ["a", "b"], "nested": {"api_key": "k", "name": "n"},
            "text": "my card is 4111", "html": "<p>", "token_id": "tok_1", "password_hash": None,
            "summary": {"text": "deep"}, "allow_tokens": True,
        }
    )  # fmt: skip
    assert told == {
        "client_secret": HIDDEN, "access_token": HIDDEN, "password": HIDDEN,
        "Authorization": HIDDEN, "secrets": HIDDEN, "nested": {"api_key": HIDDEN, "name": "n"},
        "text": "(15 characters)", "html": "(3 characters)", "token_id": "tok_1",
        "password_hash": None, "summary": {"text": "(4 characters)"}, "allow_tokens": True,
    }  # fmt: skip
    assert masked(None) is None


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.frozensets(st.text() | st.integers(0, 9))
        | st.tuples(inner)
    ),
)


@given(state=st.dictionaries(st.text(), ANYTHING))
def test_whatever_is_told_is_small_and_can_be_kept(state: dict[str, Any]) -> None:
    told = masked(state)
    content = msgspec.json.encode(told)
    assert len(content) <= MOST_BYTES
    assert b"\\u0000" not in content


def test_what_is_large_is_cut() -> None:
    assert masked({"a": "x" * 10_000}) == {"a": "x" * 199 + "…"}
    assert masked({f"n{number}": "x" * 200 for number in range(50)}) == {
        "too_large": True,
        "fields": sorted(f"n{number}" for number in range(50)),
    }
    deep: Any = "bottom"
    for _ in range(100):
        deep = {"d": deep}
    assert masked(deep) == {"d": {"d": {"d": {"d": "…"}}}}
