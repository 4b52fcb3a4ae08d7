"""A real `gateway up` with everything around it, and ways to kill any part of it."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Select, func, select

from gateway.store import Database, migrate
from gateway.store.models import Base, Conversation, Push, TurnRow
from intercom_standin.cast import BOT_ADMIN_ID, SUPPORT_TEAM_ID
from intercom_standin.server import StandIn
from tests.crash.agent import SECRET, NamingAgent, naming_agent
from tests.crash.load import Talk
from tests.services.processes import free_port, wait_until

CHANNEL = "acme-intercom"
BOT = str(BOT_ADMIN_ID)
RETRY_AFTER_S = 3.0
_TOML = """\
[agents.support]
kind = "http"
url = "{agent_url}"
secret = "{secret}"
timeout_s = 5
debounce_s = 0.1
debounce_max_s = 1

[channels.{channel}]
kind = "intercom"
agent = "support"
access_token = "{token}"
client_secret = "{client_secret}"
bot_admin_id = "{bot}"
base_url = "{base_url}"
hand_over_to = "team:{team}"
"""
ROLES = {
    "web": "gunicorn",
    "turns": "worker --only turns",
    "deliver": "worker --only deliver",
    "sync": "worker --only sync",
    "scheduler": "gateway scheduler",
    "valkey": "valkey-server",
}


class Tree:
    """The processes of one gateway, the stand-in and the agent they talk to, and the record."""

    def __init__(
        self, url: str, folder: Path, standin: StandIn, agent: NamingAgent, *, port: int
    ) -> None:
        self.standin = standin
        self.agent = agent
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "log"
        self.database = Database(url)
        self.talks: list[Talk] = []
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        config = folder / "gateway.toml"
        config.write_text(
            _TOML.format(
                agent_url=agent.url, secret=SECRET, channel=CHANNEL, token=standin.token,
                client_secret=standin.client_secret, bot=BOT, base_url=standin.base_url,
                team=SUPPORT_TEAM_ID,
            )
        )  # fmt: skip
        own = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        self.environ = own | {
            "GATEWAY_CONFIG": str(config),
            "GATEWAY_DATA_DIR": str(folder),
            "GATEWAY_DATABASE_URL": url,
            "NO_PROXY": "127.0.0.1",
        }

    # -- the processes -----------------------------------------------------------------------------

    def up(self, *, workers: int = 2, web: int = 1) -> None:
        """Start `gateway up` and wait until every role works."""
        self.start("up", "--port", str(self._port), "--workers", str(workers), WEB=str(web))
        wait_until(lambda: self.readiness() == "ready", f"readiness; see {self.log}", within_s=60)

    def start(self, *command: str, WEB: str = "1", **environ: str) -> None:
        """Start one `gateway` command."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", *command],
                env=self.environ | {"WEB_CONCURRENCY": WEB} | environ,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def stop(self, within_s: float = 12.0) -> float:
        """Ask for the end; return how long it took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.terminate()
        assert self._process.wait(within_s) == 0
        return time.monotonic() - began

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self._process is not None:
            self._process.wait()
        self.database.dispose()

    def readiness(self) -> str:
        try:
            answer = requests.get(f"{self.url}/readyz", timeout=2).json()
        except requests.RequestException:
            return "no answer"
        return str(answer["status"])

    def find(self, role: str) -> list[psutil.Process]:
        """The processes of a role that live now."""
        found = []
        assert self._process is not None
        for process in psutil.Process(self._process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if ROLES[role] in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def kill(self, role: str, chance: random.Random) -> bool:
        """SIGKILL one process of a role; False if there is none just now."""
        found = self.find(role)
        if not found:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            chance.choice(found).send_signal(signal.SIGKILL)
        return True

    def empty_redis(self) -> bool:
        """FLUSHALL; False if Valkey is down just now."""
        socket_path = str(self.folder / "valkey.sock")
        once = Retry(NoBackoff(), 0)
        client = redis.Redis(unix_socket_path=socket_path, socket_timeout=1, retry=once)
        with contextlib.closing(client):
            try:
                return bool(client.flushall())
            except redis.RedisError:
                return False

    # -- the record --------------------------------------------------------------------------------

    def rows(self, query: Select[Any]) -> list[Any]:
        with self.database.read() as db:
            return list(db.execute(query).all())

    def table(self, name: str) -> list[Any]:
        return self.rows(select(Base.metadata.tables[name]))

    def owed(self) -> dict[str, int]:
        """What is not done yet, by kind."""
        counts = {
            "turns": select(func.count()).where(TurnRow.state.in_(("due", "asking", "waiting"))),
            "pushes": select(func.count()).where(Push.state.in_(("owed", "sending", "unknown"))),
            "reads": select(func.count()).where(Conversation.read_due.is_not(None)),
        }
        return {
            kind: number for kind, query in counts.items() if (number := self.rows(query)[0][0])
        }

    def quiet(self) -> bool:
        return self.standin.notifier.wait_idle(0.01, retries=True) and not self.owed()

    def wait_until_quiet(self, within_s: float) -> float:
        """Wait until nothing is owed or on its way; return how long that took."""
        began = time.monotonic()
        try:
            wait_until(self.quiet, "quiet", within_s=within_s)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.owed()}; see {self.log}") from None
        return time.monotonic() - began


@contextmanager
def tree(url: str, *, seed: int = 0, migrated: bool = False, **standin: Any) -> Iterator[Tree]:
    """Make one; whatever it started is gone afterwards. Its folder stays if the test fails."""
    # Not pytest's folder: the embedded Valkey's socket lies here, and its path must be short.
    folder = Path(tempfile.mkdtemp(prefix="gw-crash-"))
    if url == "sqlite":
        url = f"sqlite:///{folder / 'gateway.db'}"
    if not migrated:
        migrate(url)
    port = free_port()
    options: dict[str, Any] = {"mode": "auto", "retry_after_s": RETRY_AFTER_S, "seed": seed}
    options |= {"notify_url": f"http://127.0.0.1:{port}/webhooks/{CHANNEL}"} | standin
    with StandIn(**options) as made, naming_agent(seed) as agent:
        it = Tree(url, folder, made, agent, port=port)
        try:
            yield it
        finally:
            it.close()
    shutil.rmtree(folder, ignore_errors=True)
