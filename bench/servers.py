"""The servers under measurement: databases, a Valkey, gunicorn; and how much CPU they use."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from sqlalchemy import text

from bench import floor
from bench.traffic import ACCESS_TOKEN, CHANNEL, CLIENT_SECRET
from gateway.leash import leashed
from gateway.store import Database, migrate
from gateway.webserver import listen, web_argv, web_processes
from intercom_standin.cast import BOT_ADMIN_ID
from tests.services import postgres
from tests.services.valkey import running_valkey

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("sqlite", "postgresql")

# What the tests switch off because they pull no plugs; here durability is what is measured.
DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
}
_STARTS_WITHIN_S = 60.0

SETTINGS = """\
[workspace]
name = "Bench"

[agents.support]
kind = "http"
url = "{agent_url}"
secret = "whsec_YmVuY2gtYWdlbnQtc2VjcmV0"
debounce_s = {debounce_s}

[channels.{channel}]
kind = "intercom"
agent = "support"
access_token = "{access_token}"
client_secret = "{client_secret}"
bot_admin_id = "{bot_admin_id}"
base_url = "{base_url}"
"""


def write_settings(
    path: Path,
    *,
    agent_url: str = "http://127.0.0.1:9/turn",
    base_url: str = "http://127.0.0.1:9",
    debounce_s: float = 1.0,
) -> Path:
    """Write a `gateway.toml`; the default addresses are for those whom nobody calls."""
    path.write_text(
        SETTINGS.format(
            agent_url=agent_url,
            base_url=base_url,
            debounce_s=debounce_s,
            channel=CHANNEL,
            access_token=ACCESS_TOKEN,
            client_secret=CLIENT_SECRET,
            bot_admin_id=BOT_ADMIN_ID,
        ),
        encoding="utf-8",
    )
    return path


def environment(**own: str) -> dict[str, str]:
    """Return our environment without anybody's gateway settings, and with `own`."""
    inherited = {name: value for name, value in os.environ.items() if "GATEWAY_" not in name}
    return inherited | {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"} | own


class Service:
    """A process tree that we started."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], **more: object) -> None:
        # On a leash: however the bench ends, nothing of it stays.
        self._process = subprocess.Popen(leashed(argv), env=env, cwd=ROOT, **more)  # type: ignore[call-overload]
        self.pid: int = self._process.pid

    def check(self) -> None:
        """Raise RuntimeError if it has ended."""
        status = self._process.poll()
        if status is not None:
            raise RuntimeError(f"a server ended with status {status}; see what it said above")

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def stop(self) -> int:
        """Ask it for the end; return its exit status."""
        self._process.terminate()
        try:
            return self._process.wait(15)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """Kill it; return its exit status."""
        self._process.kill()
        return self._process.wait()


class Web(Service):
    """gunicorn as `gateway up` runs it, serving the gateway or one of the bench's applications."""

    def __init__(
        self, name: str, processes: int, env: Mapping[str, str], application: str | None = None
    ) -> None:
        self.name = name
        with listen("127.0.0.1", 0) as listener:
            self.address: tuple[str, int] = listener.getsockname()
            argv = web_argv(listener, processes=processes)
            argv += [application] if application else []
            super().__init__(argv, env, pass_fds=(listener.fileno(),))

    def cpu(self) -> dict[int, float]:
        """Return the seconds of CPU that each of its processes has used."""
        return cpu_of_tree(self.pid)


def cpu_of_tree(pid: int) -> dict[int, float]:
    """Return the seconds of CPU (user and system) that a process and its descendants used."""
    used = {}
    for process in (parent := psutil.Process(pid), *parent.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        used[process.pid] = times.user + times.system
    return used


def cpu_since(before: Mapping[int, float], now: Mapping[int, float]) -> dict[int, float]:
    """Return what each process used between two looks; of those that have gone nothing is known."""
    return {pid: used - before.get(pid, 0.0) for pid, used in now.items()}


class Ground:
    """What the servers stand on: one database, one Valkey, a folder."""

    def __init__(self, kind: str, folder: Path, database_url: str, redis_url: str) -> None:
        self.kind = kind
        self.folder = folder
        self.database_url = database_url
        self.redis_url = redis_url
        # The database server's process, where there is one.
        self.database_pid: int | None = None
        self.config = write_settings(folder / "gateway.toml")
        self.database = Database(database_url)

    @property
    def processes(self) -> int:
        """How many web processes the gateway runs on this database."""
        return web_processes(self.database_url, {})

    def environment(self) -> dict[str, str]:
        """Return the environment of the servers."""
        return environment(
            GATEWAY_CONFIG=str(self.config),
            GATEWAY_DATA_DIR=str(self.folder),
            GATEWAY_DATABASE_URL=self.database_url,
            GATEWAY_REDIS_URL=self.redis_url,
            **{floor.DATABASE: self.database_url},
        )

    def database_cpu(self) -> dict[int, float]:
        """Return the seconds of CPU that a database server's processes used (SQLite has none)."""
        return cpu_of_tree(self.database_pid) if self.database_pid else {}

    def tidy(self) -> None:
        """Write the log back into the database, so that nobody pays for another's changes."""
        with self.database.engine.connect().execution_options(
            isolation_level="AUTOCOMMIT", gateway_begin="SELECT 1"
        ) as connection:
            word = "PRAGMA wal_checkpoint(TRUNCATE)" if self.kind == "sqlite" else "CHECKPOINT"
            connection.exec_driver_sql(word)

    def count(self, statement: str) -> int:
        """Return the number that a query counts."""
        with self.database.read() as db:
            return int(db.execute(text(statement)).scalar_one())


@contextmanager
def ground(kind: str, folder: Path) -> Iterator[Ground]:
    """Give a fresh database of a kind, migrated, with the floor's table, and a Valkey."""
    with ExitStack() as stack:
        redis_url = stack.enter_context(running_valkey_url())
        if kind == "sqlite":
            made = Ground(kind, folder, f"sqlite:///{folder / 'gateway.db'}", redis_url)
        else:
            postgres.SETTINGS.update(DURABLE)
            server = stack.enter_context(postgres.running_postgres())
            made = Ground(kind, folder, server.url(server.create_database()), redis_url)
            pid_file = server.folder / "data" / "postmaster.pid"
            made.database_pid = int(pid_file.read_text(encoding="utf-8").split()[0])
        stack.callback(made.database.dispose)
        migrate(made.database_url)
        engine = floor.open_engine(made.database_url)
        floor.metadata.create_all(engine)
        engine.dispose()
        yield made


@contextmanager
def running_valkey_url() -> Iterator[str]:
    """Give the address of a Valkey of our own."""
    with running_valkey() as server:
        yield server.url


@contextmanager
def serving(
    ground: Ground, name: str, application: str | None = None, *, processes: int | None = None
) -> Iterator[Web]:
    """Give a web server, once all its processes are there (as many as the gateway runs here)."""
    processes = processes or ground.processes
    web = Web(name, processes, ground.environment(), application)
    try:
        _wait_until_settled(web, processes + 1)
        yield web
    finally:
        web.stop()


def _wait_until_settled(web: Web, processes: int) -> None:
    """Wait until all processes are there and have nothing more to do: each imports by itself."""
    until = time.monotonic() + _STARTS_WITHIN_S
    used: dict[int, float] = {}
    while True:
        web.check()
        before, used = used, web.cpu()
        new = sum(used.values()) - sum(before.values())
        if len(used) >= processes and used.keys() == before.keys() and new < 0.02:
            return
        if time.monotonic() > until:
            raise RuntimeError(f"{web.name} did not start within {_STARTS_WITHIN_S:g} s")
        time.sleep(0.4)


def python(*arguments: str) -> list[str]:
    """Return the command line of a module or script in our interpreter."""
    return [sys.executable, *arguments]
