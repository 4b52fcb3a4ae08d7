"""The line to PostgreSQL: what travels in one trip, what fails in it, and who hangs up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import BigInteger, Boolean, String, bindparam, cast, func, select, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from gateway.errors import Unavailable
from gateway.store import Database, Transaction
from gateway.store.database import engine_url
from gateway.store.line import PLANS_LIVE_S, Line
from gateway.store.models import Operator
from gateway.store.prepared import Prepared
from gateway.store.sql import table_of
from tests.store.test_prepared import ADD, BY_NAME, people, person

WORDS = ("", "NULL", '{"a",\\}', "'; --", "%s %% $1", "’—\u2028\U0001f600", "a\nb\t")
OPERATORS = table_of(Operator)
SAID = Prepared(
    lambda _: select(
        bindparam("word", type_=String).label("word"),
        bindparam("number", type_=BigInteger).label("number"),
        cast(bindparam("is_so", type_=Boolean), Boolean).label("is_so"),
    )
)
LONG = Prepared(lambda _: select(func.repeat(bindparam("word", type_=String), 2).label("word")))
ASLEEP = Prepared(
    lambda _: select(func.pg_sleep(bindparam("seconds", type_=BigInteger)).label("x"))
)
UNKNOWN = Prepared(
    lambda _: select(func.no_such_function(bindparam("word", type_=String)).label("x"))
)
PID = Prepared(lambda _: select(func.pg_backend_pid().label("pid")))


@pytest.fixture
def database(migrated_postgres_url: str) -> Iterator[Database]:
    it = Database(migrated_postgres_url, pool_size=1)
    yield it
    it.dispose()


def test_values_come_back_as_they_went(database: Database) -> None:
    numbers = [0, -1, 2**63 - 1, -(2**63), None]
    asked = [
        {"word": word, "number": numbers[place % 5], "is_so": (True, False, None)[place % 3]}
        for place, word in enumerate([*WORDS, None])
    ]
    with database.read() as db:
        assert [tuple(SAID.run(db, one)[0]) for one in asked] == [
            tuple(one.values()) for one in asked
        ]


def test_words_in_lists_are_found_as_they_were_kept(database: Database) -> None:
    rows = [person(f"{place}", word) for place, word in enumerate(WORDS)]
    database.write(lambda db: ADD.each(db, rows))
    with database.read() as db:
        found = BY_NAME.each(db, [{"called": word} for word in [*WORDS, None]])
    assert [[row.name for row in rows] for rows in found] == [[word] for word in WORDS] + [[]]


def test_after_one_that_fails_nothing_is_done_and_the_connection_serves_on(
    database: Database,
) -> None:
    def work(db: Transaction) -> None:
        with db.in_one_trip():
            ADD.count(db, [person("a")])
            ADD.count(db, [person("b", role="king")])
            ADD.count(db, [person("c")])

    with pytest.raises(IntegrityError) as caught:
        database.write(work)
    assert "operators" in str(caught.value.statement)
    assert people(database) == {}
    database.write(lambda db: ADD.count(db, [person("d")])())
    assert people(database) == {"opr_d": "Ann"}


def test_what_could_not_be_prepared_is_not_taken_for_prepared(database: Database) -> None:
    def ask(db: Transaction) -> None:
        with db.in_one_trip():
            UNKNOWN.ask(db, [{"word": "x"}])
            BY_NAME.ask(db, [{"called": "Ann"}])

    for _ in range(2):
        with database.read() as db, pytest.raises(DBAPIError, match="no_such_function"):
            ask(db)
    with database.read() as db:
        assert BY_NAME.run(db, {"called": "Ann"}) == []


@pytest.mark.parametrize("several", [1, 2])
def test_a_word_that_no_database_keeps_is_refused_whole(database: Database, several: int) -> None:
    bad = [person("b", "Bo\0is cut here")] * several

    def work(db: Transaction) -> None:
        with db.in_one_trip():
            ADD.count(db, [person("a")])
            BY_NAME.ask(db, [{"called": one["name"]} for one in bad])

    with pytest.raises(DataError, match=r"NUL|Unicode escape"):
        database.write(work)
    assert people(database) == {}


def test_who_asks_before_the_trip_ends_gets_an_answer(database: Database) -> None:
    def work(db: Transaction) -> tuple[Any, ...]:
        with db.in_one_trip():
            added = ADD.count(db, [person("a")])
            with db.in_one_trip():
                found = BY_NAME.ask(db, [{"called": "Ann"}])
            early = found()
            seen = db.scalar(select(func.count()).select_from(Operator))
            later = ADD.count(db, [person("b"), person("a")])
        return added(), [len(rows) for rows in early], seen, later()

    assert database.write(work) == (1, [1], 1, 1)


def test_much_travels_both_ways_at_once(database: Database) -> None:
    word = "long " * 100_000
    with database.read() as db:
        with db.in_one_trip():
            asked = [LONG.ask(db, [{"word": word}]) for _ in range(20)]
        assert {len(rows[0][0].word) for rows in (one() for one in asked)} == {2 * len(word)}


def test_whose_server_hangs_up_on_a_rested_connection_writes_on_another(
    database: Database,
) -> None:
    with database.read() as db:
        pid = PID.run(db, {})[0].pid
    _end(database, pid)
    database.write(lambda db: ADD.count(db, [person("a")])())
    assert people(database) == {"opr_a": "Ann"}


def test_whose_server_hangs_up_in_the_midst_of_a_trip_is_told(database: Database) -> None:
    begun = threading.Event()
    pids: list[int] = []

    def work(db: Transaction) -> None:
        pids.append(PID.run(db, {})[0].pid)
        begun.set()
        with db.in_one_trip():
            ADD.count(db, [person("a")])
            ASLEEP.ask(db, [{"seconds": 30 if len(pids) == 1 else 0}])

    def end() -> None:
        assert begun.wait(10)
        _end(database, pids[0])

    ending = threading.Thread(target=end)
    ending.start()
    database.write(work)  # on another connection, from the start
    ending.join(10)
    assert len(pids) == 2
    assert people(database) == {"opr_a": "Ann"}


def test_who_takes_too_long_is_unavailable_and_the_connection_serves_on(
    migrated_postgres_url: str,
) -> None:
    database = Database(migrated_postgres_url, pool_size=1)

    def work(db: Transaction) -> None:
        db.execute(text("SET LOCAL statement_timeout = 50"))
        ASLEEP.run(db, {"seconds": 2})

    with pytest.raises(Unavailable):
        database.write(work)
    database.write(lambda db: ADD.count(db, [person("a")])())
    assert people(database) == {"opr_a": "Ann"}
    database.dispose()


def _end(database: Database, pid: int) -> None:
    """End a connection from the server's side, by another one."""
    other = Database(database.engine.url.render_as_string(hide_password=False), pool_size=1)
    with other.read() as db:
        assert db.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    other.dispose()


def test_what_is_asked_for_many_is_planned_once(database: Database) -> None:
    """However many they are: a list of which the planner knew the length is planned each time."""
    plans = text(
        "SELECT custom_plans, generic_plans FROM pg_prepared_statements"
        " WHERE statement LIKE '%given_place%operators.name =%'"
    )
    database.write(lambda db: ADD.each(db, [person("a"), person("b")]))
    with database.read() as db:
        for count in range(2, 14):
            BY_NAME.each(db, [{"called": "Ann"}] * count)
        custom, generic = db.execute(plans).one()
    assert (custom, generic) == (5, 7)


def test_a_plan_for_a_few_rows_is_not_kept_for_many(migrated_postgres_url: str) -> None:
    """The server itself keeps to it until it analyses the table anew."""
    now = 0.0
    asked = "SELECT id FROM things WHERE id = $1"
    with psycopg.connect(engine_url(migrated_postgres_url).replace("+psycopg", "")) as driver:
        line = Line(driver, lambda: now)

        def ask() -> list[tuple[Any, ...]]:
            sent = line.put(asked, ["7"])
            line.travel(and_commit=True)
            return line.rows(sent)

        def plan() -> str:
            found = driver.execute("EXPLAIN (COSTS OFF) EXECUTE gw1 ('7')").fetchall()
            driver.commit()
            return " ".join(row[0] for row in found)

        driver.execute("CREATE TABLE things (id text PRIMARY KEY) WITH (autovacuum_enabled = off)")
        driver.execute("INSERT INTO things SELECT generate_series(1, 9)::text")
        driver.execute("ANALYZE things")
        driver.commit()
        for _ in range(6):  # five plans for the values at hand, then one for all
            assert ask() == [("7",)]
        driver.execute("INSERT INTO things SELECT generate_series(10, 9999)::text")
        driver.commit()
        ask()
        assert "Seq Scan" in plan()
        now += PLANS_LIVE_S
        assert ask() == [("7",)]
        assert "Index" in plan()
