"""What every test may ask for: real Valkey, PostgreSQL and SQLite, and a Chromium.

Servers start on first use, one set per pytest-xdist worker (a PostgreSQL takes half a second,
cheaper than sharing one), and die with the process that started them, however it ends.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests import once, spread
from tests.memory import use_memory
from tests.services.postgres import PostgresServer, running_postgres
from tests.services.valkey import ValkeyServer, running_valkey

if TYPE_CHECKING:
    from playwright.sync_api import Browser

use_memory()
once.install()

# `ci` finds the same examples every time; HYPOTHESIS_PROFILE=explore looks for new ones.
hypothesis.settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[
        hypothesis.HealthCheck.too_slow,
        # Our function-scoped fixtures are addresses and folders, not state that examples share.
        hypothesis.HealthCheck.function_scoped_fixture,
    ],
)
hypothesis.settings.register_profile(
    "explore", parent=hypothesis.settings.get_profile("ci"), derandomize=False, max_examples=1000
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if (processes := spread.processes()) > 1:
        items[:] = spread.long_first(items, processes)


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """The worker's Valkey, running. A test that stops it must start it again."""
    with running_valkey() as server:
        yield server


@pytest.fixture
def valkey_url(valkey_server: ValkeyServer) -> str:
    """Address of a running and empty Valkey."""
    valkey_server.start()
    valkey_server.empty()
    return valkey_server.url


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """A Valkey of the test's own, to be stopped and started at will."""
    with running_valkey() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The worker's PostgreSQL."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """URL of a new and empty PostgreSQL database."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'gateway.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of an empty database; the test runs once on SQLite and once on PostgreSQL."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from gateway.store import migrate

    path = tmp_path_factory.mktemp("template") / "gateway.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _migrated_postgres(postgres_server: PostgresServer) -> str:
    from gateway.store import migrate

    name = postgres_server.create_database()
    migrate(postgres_server.url(name))
    return name


@pytest.fixture
def migrated_sqlite_url(_migrated_sqlite: Path, tmp_path: Path) -> str:
    """URL of an SQLite file with the gateway's tables, all empty."""
    path = tmp_path / "gateway.db"
    for suffix in ("", "-wal"):  # the template may keep its tables in the write-ahead log
        part = _migrated_sqlite.with_name(_migrated_sqlite.name + suffix)
        if part.exists():
            shutil.copyfile(part, path.with_name(path.name + suffix))
    return f"sqlite:///{path}"


@pytest.fixture
def migrated_postgres_url(
    postgres_server: PostgresServer, _migrated_postgres: str
) -> Iterator[str]:
    """URL of a PostgreSQL database with the gateway's tables, all empty."""
    name = postgres_server.create_database(template=_migrated_postgres)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """URL of a migrated database; the test runs once on SQLite and once on PostgreSQL."""
    name = "migrated_sqlite_url" if request.param == "sqlite" else "migrated_postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """A module's Chromium; tests open contexts of their own, and close them.

    The one place that starts Playwright: it is gone when tests of something else begin.
    """
    # Imported here: it takes a while, and most of what is run needs no browser.
    from tests.services.chromium import NONE_THERE, find_chromium, running_chromium

    path = find_chromium()
    if path is None:
        pytest.fail(NONE_THERE, pytrace=False)
    with running_chromium(path) as browser:
        yield browser
