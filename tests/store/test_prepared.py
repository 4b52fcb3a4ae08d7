"""Prepared statements: the same rows, errors and order on both databases and on every way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store import Database, Transaction
from gateway.store.models import (
    ChatSession,
    Conversation,
    InboxDelivery,
    Installation,
    Message,
    Operator,
)
from gateway.store.prepared import Prepared
from gateway.store.sql import literals, table_of

OPERATORS, SESSIONS = table_of(Operator), table_of(ChatSession)
CONVERSATIONS, MESSAGES = table_of(Conversation), table_of(Message)
INBOX = table_of(InboxDelivery)

ADD = Prepared(lambda sql: sql.insert(OPERATORS).on_conflict_do_nothing())
ADDED = Prepared(
    lambda sql: sql.insert(OPERATORS).on_conflict_do_nothing().returning(OPERATORS.c.id)
)
BY_NAME = Prepared(
    lambda _: (
        select(OPERATORS.c.id, OPERATORS.c.name)
        .where(OPERATORS.c.name == bindparam("called"), OPERATORS.c.role.in_(literals("admin")))
        .order_by(OPERATORS.c.id)
        .limit(2)
    )
)
RENAME = Prepared(lambda _: update(OPERATORS).where(OPERATORS.c.id == bindparam("key")))


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    it = Database(migrated_url)
    yield it
    it.dispose()


def person(key: str, name: str = "Ann", **more: Any) -> dict[str, Any]:
    row = {"id": f"opr_{key}", "email": f"{key}@acme.test", "name": name, "role": "admin"}
    return {**row, "created_at": 0, **more}


def people(database: Database) -> dict[str, str]:
    with database.read() as db:
        rows = db.execute(select(Operator.id, Operator.name).order_by(Operator.id))
        return {row.id: row.name for row in rows}


def test_each_answers_in_the_order_of_its_questions(database: Database) -> None:
    database.write(lambda db: ADD.each(db, [person("a"), person("b"), person("c", "Bo")]))
    with database.read() as db:
        asked = [{"called": "Bo"}, {"called": "nobody"}, {"called": "Ann"}]
        found = BY_NAME.each(db, asked)
        assert [[row.id for row in rows] for rows in found] == [
            ["opr_c"], [], ["opr_a", "opr_b"],
        ]  # fmt: skip
        assert BY_NAME.each(db, []) == []
        assert BY_NAME.run(db, {"called": "Ann"}) == found[2]
        first = BY_NAME.first(db, {"called": "Bo"})
        assert (first.id, first.name) == ("opr_c", "Bo")  # type: ignore[union-attr]
        assert BY_NAME.first(db, {"called": "nobody"}) is None


def test_what_is_asked_in_one_trip_is_there_when_it_ends(database: Database) -> None:
    def work(db: Transaction) -> tuple[Any, ...]:
        with db.in_one_trip():
            added = ADDED.ask(db, [person("a"), person("b")])
            count = ADD.count(db, [person("a"), person("c", "Bo")])
            found = BY_NAME.ask(db, [{"called": "Ann"}, {"called": "Bo"}])
        return added(), count(), found()

    added, count, found = database.write(work)
    assert [[row.id for row in rows] for rows in added] == [["opr_a"], ["opr_b"]]
    assert count == 1
    assert [len(rows) for rows in found] == [2, 1]


def test_many_rows_are_counted_and_kept(database: Database) -> None:
    rows = [person(f"{number:03}", f"No {number}") for number in range(43)]
    assert database.write(lambda db: ADD.count(db, rows)()) == 43
    assert database.write(lambda db: ADD.count(db, rows)()) == 0
    assert people(database) == {row["id"]: row["name"] for row in rows}


def test_many_rows_are_changed_each_as_it_was_told(database: Database) -> None:
    """Words that other languages than SQL give a meaning, and one row that is told of twice."""
    names = ['%s {"} \\u0041', "’—\u2028\U0001f600", "'; --", ""]

    def work(db: Transaction) -> int:
        ADD.count(db, [person(f"{number}") for number in range(5)])()
        changed = RENAME.count(
            db, [{"key": f"opr_{number}", "name": name} for number, name in enumerate(names)]
        )()
        RENAME.later(db, {"key": "opr_4", "name": "once"})
        RENAME.later(db, {"key": "opr_nobody", "name": "nobody"})
        RENAME.later(db, {"key": "opr_4", "name": "twice"})
        return changed

    assert database.write(work) == 4
    assert list(people(database).values()) == [*names, "twice"]


def test_bytes_and_json_travel_in_lists_as_they_do_alone(database: Database) -> None:
    bodies = [bytes(range(256)), b"", b'{"a": 1}']
    rows = [
        {
            "id": f"dlv_{number}", "channel": "c", "installation": "x", "dedup": str(number),
            "topic": "t", "conversation": None, "state": "applied", "error": None, "body": body,
            "received_at": 2**53 + 1, "applied_at": number or None, "attempts": 1,
        }
        for number, body in enumerate(bodies)
    ]  # fmt: skip
    keep = Prepared(lambda sql: sql.insert(INBOX).on_conflict_do_nothing())
    all_of = Prepared(
        lambda _: select(INBOX.c.body, INBOX.c.received_at, INBOX.c.applied_at).order_by(INBOX.c.id)
    )
    assert database.write(lambda db: keep.count(db, rows)()) == 3
    with database.read() as db:
        assert [tuple(row) for row in all_of.run(db, {})] == [
            (body, 2**53 + 1, number or None) for number, body in enumerate(bodies)
        ]


def test_later_is_before_whatever_is_read(database: Database) -> None:
    def work(db: Transaction) -> list[Any]:
        ADD.later(db, person("a"))
        seen: list[Any] = [len(BY_NAME.run(db, {"called": "Ann"}))]
        ADD.later(db, person("b"))
        seen.append(db.scalar(select(func.count()).select_from(Operator)))
        RENAME.later(db, {"key": "opr_a", "name": "Zoe"})
        return seen

    assert database.write(work) == [1, 2]
    assert people(database) == {"opr_a": "Zoe", "opr_b": "Ann"}


def test_later_writes_what_others_refer_to_first(database: Database) -> None:
    """A message, then its session, then the session before it ends: rules hold at every moment."""
    session = Prepared(lambda sql: sql.insert(SESSIONS))
    ending = Prepared(lambda _: update(SESSIONS).where(SESSIONS.c.id == bindparam("key")))
    message = Prepared(lambda sql: sql.insert(MESSAGES))
    opened = {
        "conversation_id": "cnv", "channel": "c", "agent": "a", "opened_at": 0, "opened_number": 0,
        "opened_step": 0, "mode": "ai", "epoch": 0, "responsible_kind": "ai", "message_count": 0,
        "parameters": {"a": [1, {"b": None}]}, "results": {}, "status": "active",
    }  # fmt: skip

    def before(db: Transaction) -> None:
        db.execute(insert(Installation).values(id="ins", channel="c", slot="", external_id="x",
                                               created_at=0))  # fmt: skip
        db.execute(insert(Conversation).values(id="cnv", installation_id="ins", channel="c",
                                               external_id="1", created_at=0))  # fmt: skip
        session.run(db, {"id": "one", "opened_by": "1", **opened})

    def work(db: Transaction) -> None:
        message.later(db, {
            "id": "msg", "conversation_id": "cnv", "session_id": "two", "external_id": "5",
            "kind": "message", "author_kind": "customer", "text": "Hi", "html": "",
            "attachments": [{"url": "x"}], "redacted": False, "state": "received", "at": 1,
            "number": 1, "step": 1, "created_at": 1,
        })  # fmt: skip
        session.later(db, {"id": "two", "opened_by": "2", **opened})
        ending.later(db, {"key": "one", "status": "finished", "finished_at": 5})

    database.write(before)
    database.write(work)
    whole = Prepared(lambda _: select(SESSIONS).where(SESSIONS.c.id == bindparam("key")))
    words = Prepared(lambda _: select(MESSAGES.c.attachments, MESSAGES.c.redacted))
    with database.read() as db:
        two = whole.first(db, {"key": "two"})
        assert (two.status, two.parameters, two.handover) == (  # type: ignore[union-attr]
            "active", {"a": [1, {"b": None}]}, None,
        )  # fmt: skip
        assert tuple(words.first(db, {})) == ([{"url": "x"}], False)  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["run", "each", "later"])
def test_a_broken_rule_stays_what_it_is_and_says_nothing_of_values(
    database: Database, way: str
) -> None:
    bad = [person("a", role="king-of-secrets"), person("b", role="king-of-secrets")]

    def work(db: Transaction) -> None:
        if way == "run":
            ADD.run(db, bad[0])
        elif way == "each":
            ADDED.each(db, bad)
        else:
            for row in bad:
                ADD.later(db, row)

    with pytest.raises(IntegrityError) as caught:
        database.write(work)
    assert caught.value.params is None
    assert "king" not in str(caught.value.statement)
    assert people(database) == {}


def test_lists_and_defaults_are_refused_when_the_statement_is_built(database: Database) -> None:
    listed = Prepared(lambda _: select(OPERATORS.c.id).where(OPERATORS.c.role.in_(("a", "b"))))
    defaulted = Prepared(lambda sql: sql.insert(CONVERSATIONS))
    with database.read() as db:
        with pytest.raises(TypeError, match="cannot be prepared"):
            listed.run(db, {})
        with pytest.raises(TypeError, match="cannot be prepared"):
            defaulted.run(db, {"id": "x"})


def test_who_fails_among_those_who_share_a_commit_fails_alone(migrated_sqlite_url: str) -> None:
    database = Database(migrated_sqlite_url)
    held, may_go_on = threading.Event(), threading.Event()
    failed: list[str] = []

    def first(db: Transaction) -> None:
        held.set()
        assert may_go_on.wait(10)
        ADD.later(db, person("first"))

    def work(db: Transaction, key: str) -> None:
        ADD.run(db, person(key))
        ADD.later(db, person(f"{key}2"))
        if key in ("b", "d"):
            raise LookupError(key)

    def write(key: str) -> None:
        try:
            database.write(lambda db: work(db, key))
        except LookupError as error:
            failed.append(str(error.args[0]))

    threads = [threading.Thread(target=lambda: database.write(first))]
    threads[0].start()
    assert held.wait(10)
    for key in "abcde":
        threads.append(threading.Thread(target=write, args=(key,)))
        threads[-1].start()
    may_go_on.set()
    for thread in threads:
        thread.join(10)
    assert sorted(failed) == ["b", "d"]
    assert sorted(people(database)) == [
        f"opr_{key}" for key in ("a", "a2", "c", "c2", "e", "e2", "first")
    ]
    database.dispose()


def test_reading_forgets_no_statement(migrated_postgres_url: str) -> None:
    """Nor does one that fails; and who only reads opens no transaction."""
    database = Database(migrated_postgres_url, pool_size=1)

    def prepared(db: Transaction) -> int:
        sql = "SELECT statement FROM pg_prepared_statements"
        found = db.connection().exec_driver_sql(sql).scalars()
        return sum("operators.name =" in statement for statement in found)

    database.write(lambda db: ADD.each(db, [person("a")]))
    with database.read() as db:
        assert BY_NAME.run(db, {"called": "Ann"})
        driver: Any = db.connection().connection.dbapi_connection
        assert driver.info.transaction_status.name == "IDLE"
    with database.read() as db:
        assert prepared(db) == 1
    assert database.write(prepared) == 1
    with database.read() as db:
        assert prepared(db) == 1

    def fail(db: Transaction) -> None:  # and who writes opens one still, on the same connection
        ADD.each(db, [person("b")])
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        database.write(fail)
    assert people(database) == {"opr_a": "Ann"}
    with database.read() as db:
        assert prepared(db) == 1
    database.dispose()
