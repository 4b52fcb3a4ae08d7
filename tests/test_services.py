"""The services that tests rely on are real, empty each time, and end with their owner."""

import signal
import subprocess
import sys

import psycopg
import pytest
import redis
import sqlalchemy

from tests.services.processes import wait_until
from tests.services.valkey import ValkeyServer, answers


@pytest.mark.parametrize("again", [1, 2])
def test_database_is_empty_each_time(database_url: str, again: int) -> None:
    engine = sqlalchemy.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE seen (id integer)"))
    engine.dispose()


@pytest.mark.parametrize("again", [1, 2])
def test_valkey_is_empty_each_time(valkey_url: str, again: int) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        assert client.dbsize() == 0
        client.set("seen", again)


def test_valkey_can_have_an_outage(own_valkey: ValkeyServer) -> None:
    with redis.Redis.from_url(own_valkey.url) as client:
        client.set("seen", 1)
        own_valkey.stop()
        assert not answers(own_valkey.url)
        own_valkey.start()
        assert client.get("seen") is None


def test_servers_die_with_a_killed_test_run() -> None:
    program = """
import time
from tests.services.postgres import running_postgres
from tests.services.processes import wait_until
from tests.services.valkey import running_valkey
with running_valkey() as valkey, running_postgres() as postgres:
    print(valkey.folder, postgres.folder, flush=True)
    time.sleep(600)
"""
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    valkey_folder, postgres_folder = owner.stdout.readline().split()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    wait_until(lambda: not answers(f"unix://{valkey_folder}/valkey.sock"), "the end of Valkey")
    wait_until(lambda: not _postgres_answers(postgres_folder), "the end of PostgreSQL")
    subprocess.run(["rm", "-rf", valkey_folder, postgres_folder], check=True)


def _postgres_answers(folder: str) -> bool:
    try:
        psycopg.connect(host=folder, user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True
