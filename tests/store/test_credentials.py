"""The users of the database and of Redis, replaced while everything runs, as the docs tell it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
import redis
from sqlalchemy import select, text

from gateway.errors import Unavailable
from gateway.store import Database, migrate
from gateway.store.models import Operator
from gateway.wake import Waker, impatient_redis
from tests.services.postgres import PostgresServer
from tests.services.valkey import ValkeyServer, running_valkey
from tests.store.test_prepared import ADD, person


@contextmanager
def users(server: PostgresServer) -> Iterator[tuple[str, str, str, Callable[[str], Any]]]:
    """A database of the first of two users; give both, its name and who says things as root."""
    name = server.create_database()
    first, second = (f"gw_{word}_{secrets.token_hex(4)}" for word in ("one", "two"))
    root = psycopg.connect(
        host=str(server.folder), user="postgres", dbname="postgres", autocommit=True
    )
    with closing(root):
        root.execute(f"CREATE ROLE {first} LOGIN PASSWORD 'first'")
        root.execute(f"ALTER DATABASE {name} OWNER TO {first}")
        yield name, first, second, root.execute
        server.drop_database(name)
        root.execute(f"DROP ROLE {second}, {first}")


def test_the_databases_user_is_replaced_while_it_is_written(
    postgres_server: PostgresServer,
) -> None:
    with users(postgres_server) as (name, first, second, say):
        url = f"postgresql://{{}}:x@/{name}?host={postgres_server.folder}"
        migrate(url.format(first))
        old, new = Database(url.format(first)), Database(url.format(second))
        old.write(lambda db: ADD.count(db, [person("a")]))
        with pytest.raises(Unavailable):  # it is not there yet
            new.write(lambda db: ADD.count(db, [person("b")]))
        say(f"CREATE ROLE {second} LOGIN PASSWORD 'second' IN ROLE {first}")
        say(f"ALTER ROLE {second} SET role TO {first}")
        for number, one in enumerate((old, new, old, new)):  # side by side
            one.write(lambda db, number=number: ADD.count(db, [person(str(number))]))  # type: ignore[misc]
        say(f"ALTER ROLE {first} NOLOGIN")
        new.write(lambda db: ADD.count(db, [person("c")]))
        # A later version's tables belong to the first one still, who is nobody's login any more.
        new.write(lambda db: db.execute(text("CREATE TABLE later (id int)")))
        with new.read() as db:
            assert len(db.scalars(select(Operator.id)).all()) == 6
            owner = text("SELECT tableowner FROM pg_tables WHERE tablename = 'later'")
            assert db.scalar(owner) == first
        late = Database(url.format(first))
        with pytest.raises(Unavailable):
            late.write(lambda db: ADD.count(db, [person("d")]))
        for one in (old, new, late):
            one.dispose()


def test_the_user_of_redis_is_replaced_while_workers_are_told() -> None:
    with running_valkey() as server:
        old, root = Waker(impatient_redis(server.url)), redis.Redis.from_url(server.url)
        assert old.wake("turns")
        root.execute_command("ACL SETUSER second on >the-new-word ~* &* +@all")
        new = Waker(impatient_redis(_as(server, "second", "the-new-word")))
        assert new.wake("turns")
        assert old.wake("turns")  # side by side
        root.execute_command("ACL SETUSER default resetpass >nobody-knows-it")
        assert new.wake("turns")
        assert not Waker(impatient_redis(server.url)).wake("turns")
        assert not Waker(impatient_redis(_as(server, "second", "the-old-word"))).wake("turns")
        root.close()


def _as(server: ValkeyServer, user: str, password: str) -> str:
    return f"unix://{user}:{password}@{server.socket}"
