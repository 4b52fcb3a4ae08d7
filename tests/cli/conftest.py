"""The command in this process, with settings of its own; and in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.store import Database

TOKEN = "an-access-token"
SECRET = "a client secret"

SETTINGS = """\
[workspace]
time_zone = "Europe/Dublin"

[agents.shop]
kind = "scripted"
script = [{{ pattern = ".*", reply = "Hello." }}]

[channels.acme-intercom]
kind = "intercom"
agent = "shop"
access_token = "{token}"
client_secret = "{secret}"
bot_admin_id = "{bot}"
base_url = "{url}"
hand_over_to = "team:5017690"
app_id = "{app_id}"
"""


@dataclass
class Gateway:
    """One set-up in a folder, and the command to be run on it."""

    folder: Path
    environ: dict[str, str]

    def configure(
        self,
        *,
        url: str = "http://127.0.0.1:1",
        token: str = TOKEN,
        bot: str = "814860",
        app_id: str = "abc123std",
    ) -> None:
        """Write gateway.toml."""
        text = SETTINGS.format(url=url, token=token, secret=SECRET, bot=bot, app_id=app_id)
        (self.folder / "gateway.toml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str, stdin: str = "") -> Result:
        """Run it in this process; what is no clean end is raised."""
        result = CliRunner().invoke(main, arguments, input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def start(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        """Start it in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "gateway", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A set-up without a database yet; the current folder is its own."""
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    # Where the package is found does not depend on the current folder.
    house = str(Path(__file__).parents[2])
    given = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([house, given]) if given else house
    made = Gateway(folder=tmp_path, environ={**os.environ, "PYTHONPATH": path})
    made.configure()
    return made


@pytest.fixture
def on_migrated(gateway: Gateway, migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """The same over a database with its tables, on SQLite and on PostgreSQL."""
    monkeypatch.setenv("GATEWAY_DATABASE_URL", migrated_url)
    return gateway


@pytest.fixture
def database(on_migrated: Gateway, migrated_url: str) -> Iterator[Database]:
    """The database that the command works on."""
    database = Database(migrated_url)
    yield database
    database.dispose()
