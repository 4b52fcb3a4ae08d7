"""Streams of a real web server, which learns through Redis what other processes tell."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.leash import leashed
from gateway.webserver import listen, web_argv
from tests.api.house import CHANNEL, House
from tests.services.valkey import ValkeyServer
from tests.streams.conftest import Served
from tests.streams.reader import Reader, reading

CONFIG = f"""
[agents.support]
kind = "scripted"

[channels.{CHANNEL}]
kind = "intercom"
agent = "support"
access_token = "an access token"
client_secret = "a client secret"
bot_admin_id = "814860"
"""


@contextmanager
def gunicorn(folder: Path, database_url: str, redis_url: str) -> Iterator[str]:
    """The gateway's own web server, one process; gives its address."""
    (folder / "gateway.toml").write_text(CONFIG)
    env = {
        "GATEWAY_CONFIG": str(folder / "gateway.toml"), "GATEWAY_DATA_DIR": str(folder),
        "GATEWAY_DATABASE_URL": database_url, "GATEWAY_REDIS_URL": redis_url,
        "GATEWAY_SECRET_KEY": "a-secret-key",
    }  # fmt: skip
    with listen("127.0.0.1", 0) as listener:
        process = subprocess.Popen(
            leashed(web_argv(listener, processes=1)), env=env, pass_fds=(listener.fileno(),),
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        port = listener.getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(15)


@pytest.mark.parametrize("streams", [30])
def test_many_streams_hold_no_connection_and_all_are_shown(
    migrated_postgres_url: str, valkey_url: str, tmp_path: Path, streams: int
) -> None:
    house = House(migrated_postgres_url, redis_url=valkey_url)
    with gunicorn(tmp_path, migrated_postgres_url, valkey_url) as url:
        readers = [Reader(url, house.tokens["viewer"]) for _ in range(streams)]
        for reader in readers:
            reader.opened()
        time.sleep(0.2)
        told_at = time.monotonic()
        house.session("1001")
        for reader in readers:
            types = [event.type for event in reader.until(2)]
            assert types == ["session.started", "message.created"]
        # Far less than the poll of a process that hears Redis: it was rung, not looked for.
        assert time.monotonic() - told_at < 4
        with house.database.read() as db:
            open_now = db.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
                )
            ).scalar_one()
        assert open_now == 0
        for reader in readers:
            reader.close()
    house.parts.database.dispose()


def test_without_redis_it_looks_for_itself(
    migrated_sqlite_url: str, own_valkey: ValkeyServer
) -> None:
    here = Served(House(migrated_sqlite_url, redis_url=own_valkey.url))
    elsewhere = House(migrated_sqlite_url, people=False, redis_url=own_valkey.url)
    try:
        with reading(here.url, here.house.tokens["viewer"]) as reader:
            reader.opened()
            time.sleep(0.3)
            elsewhere.happen("1001", *_opening(elsewhere, "1001"))
            assert len(reader.until(2, within_s=3)) == 2
            own_valkey.stop()
            elsewhere.happen("1002", *_opening(elsewhere, "1002"))
            assert len(reader.until(2, within_s=8)) == 2
            own_valkey.start()
            elsewhere.happen("1003", *_opening(elsewhere, "1003"))
            assert len(reader.until(2, within_s=8)) == 2
    finally:
        here.close()
        elsewhere.parts.database.dispose()


def _opening(house: House, conversation: str) -> list[object]:
    return [house.assigned(conversation, "ai", "814860"), house.said(conversation, "Hello?")]
