"""The demo's set-up: its folder, its settings, its operator, and the processes that make it up."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.clock import SystemClock, to_micros
from gateway.errors import ConfigError
from gateway.instance import find_running
from gateway.people import operators
from gateway.store import Database, Transaction, migrate
from gateway.supervisor import Child

CHANNEL = "acme-intercom"
# The shop's page, with the web widget.
SHOP = "fenlight-shop"
SHOP_KEY = "fenlight-shop-key"
TIME_ZONE = "Europe/Dublin"
# What the AI is called, in the inbox (by the stand-in), in the widget and in the console.
AI = "Sage"
# The default workspace of the stand-in (`python -m intercom_standin --help`).
BOT_ADMIN = "814860"
TEAMMATE_ADMIN = "1396651"
# The same teammate at our doors.
OPERATOR = "aoife.byrne@acme.example"
OPERATOR_NAME = "Aoife Byrne"
# Who signs in to the console, e-mail address, name, role; the first two are teammates there, too.
COLLEAGUES = (
    (OPERATOR, OPERATOR_NAME, "admin"),
    ("marek.nowak@acme.example", "Marek Nowak", "operator"),
    ("sam.keane@acme.example", "Sam Keane", "viewer"),
)
_LINKS = {OPERATOR: TEAMMATE_ADMIN, "marek.nowak@acme.example": "1845203"}
PASSWORD = "a-demo-password"
TEAM = "5017690"
APP_ID = "abc123std"
ACCESS_TOKEN = "demo-access-token"
CLIENT_SECRET = "demo-client-secret"

GATEWAY_PORT = 8080
INBOX_PORT = 8091

_SETTINGS = """\
# Made by `gateway demo`, anew at each start.
[workspace]
name = "Fenlight"
time_zone = "{time_zone}"

[agents.{ai}]
kind = "scripted"
script = "{script}"
debounce_s = 0.3
debounce_max_s = 2.0
handover_message = "I am handing you over to a colleague now, who will write to you here."
handover_conditions = "The customer is upset, asks for a person, or wants more than 500 EUR back."

[channels.{channel}]
kind = "intercom"
agent = "{ai}"
access_token = "{access_token}"
client_secret = "{client_secret}"
bot_admin_id = "{bot_admin}"
base_url = "{inbox_url}"
app_id = "{app_id}"
hand_over_to = "team:{team}"

[channels.{shop}]
kind = "webwidget"
agent = "{ai}"
key = "{shop_key}"
allowed_origins = ["{gateway_url}"]
title = "Fenlight"
ai_name = "{ai}"
welcome_message = "Hello! Ask me about an **order**, **shipping** or our **opening hours**."
quick_replies = ["Where is my order FL-1077?", "What does shipping cost?", "Talk to a person"]
color = "#0b6273"
demo_page = true
"""

# In a folder that we may empty, and in no other.
_OURS = ".made-by-gateway-demo"
# A shell puts the log where it belongs and becomes the command.
_INTO_LOG = ("/bin/sh", "-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1', "sh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where everything of one demo is."""

    folder: Path
    gateway_url: str
    inbox_url: str
    # Acts as OPERATOR.
    token: str = field(repr=False)
    # What the processes run in.
    environ: Mapping[str, str] = field(repr=False)

    @property
    def shop_url(self) -> str:
        """The page with the widget."""
        return f"{self.gateway_url}/widget/demo/{SHOP}"

    @property
    def log(self) -> Path:
        """What the processes say."""
        return self.folder / "demo.log"

    def children(self) -> list[list[Child]]:
        """Return the processes to supervise, the stand-in first and last."""
        python = (sys.executable, "-m")
        inbox_port, gateway_port = (
            address.rpartition(":")[2] for address in (self.inbox_url, self.gateway_url)
        )
        standin = [*python, "intercom_standin", "--port", inbox_port, "--app-id", APP_ID]
        standin += ["--notify-url", f"{self.gateway_url}/webhooks/{CHANNEL}"]
        standin += ["--token", ACCESS_TOKEN, "--client-secret", CLIENT_SECRET]
        standin += ["--bot-admin-id", BOT_ADMIN]
        gateway = [*python, "gateway", "up", "--port", gateway_port]
        return [
            [self._child("Intercom's stand-in", standin)],
            [self._child("the gateway", gateway)],
        ]

    def _child(self, name: str, argv: list[str]) -> Child:
        return Child(name=name, argv=[*_INTO_LOG, str(self.log), *argv], env=self.environ)


@contextmanager
def stage(environ: Mapping[str, str], port: int | None, inbox_port: int | None) -> Iterator[Stage]:
    """Set everything up, anew. Raises ConfigError if a folder or a port cannot be had.

    A port that was not asked for is the usual one, or any free one if that is taken.
    """
    with _folder(environ) as folder:
        gateway_url = f"http://127.0.0.1:{_port(port, GATEWAY_PORT, '--port')}"
        inbox_url = f"http://127.0.0.1:{_port(inbox_port, INBOX_PORT, '--inbox-port')}"
        config = folder / "gateway.toml"
        config.write_text(
            _SETTINGS.format(
                time_zone=TIME_ZONE,
                ai=AI,
                script=Path(__file__).with_name("shop.toml"),
                channel=CHANNEL,
                access_token=ACCESS_TOKEN,
                client_secret=CLIENT_SECRET,
                bot_admin=BOT_ADMIN,
                inbox_url=inbox_url,
                app_id=APP_ID,
                team=TEAM,
                shop=SHOP,
                shop_key=SHOP_KEY,
                gateway_url=gateway_url,
            ),
            encoding="utf-8",
        )
        own = {name: value for name, value in environ.items() if not name.startswith("GATEWAY_")}
        own |= {
            "GATEWAY_CONFIG": str(config),
            "GATEWAY_DATA_DIR": str(folder),
            "GATEWAY_PUBLIC_URL": gateway_url,
            # A proxy on the way out of this machine cannot know the stand-in.
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        yield Stage(
            folder=folder,
            gateway_url=gateway_url,
            inbox_url=inbox_url,
            token=_people_and_token(f"sqlite:///{folder / 'gateway.db'}"),
            environ=own,
        )


@contextmanager
def _folder(environ: Mapping[str, str]) -> Iterator[Path]:
    """Give an empty folder: a temporary one, or `demo` under GATEWAY_DATA_DIR, which is kept."""
    named = environ.get("GATEWAY_DATA_DIR")
    if not named:
        # A short path: the embedded Valkey's socket lies in it.
        folder = Path(tempfile.mkdtemp(prefix="gateway-demo-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    folder = Path(named).expanduser().absolute() / "demo"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        inside = list(folder.iterdir())
        if inside and not (folder / _OURS).exists():
            raise ConfigError([f"GATEWAY_DATA_DIR: {folder} holds files of others; name another"])
        if find_running(folder) is not None:
            raise ConfigError([f"GATEWAY_DATA_DIR: a demo is running in {folder}; stop it first"])
        for path in inside:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (folder / _OURS).touch()
    except OSError as error:
        raise ConfigError([f"GATEWAY_DATA_DIR: {folder} cannot be used: {error}"]) from error
    yield folder


def _port(asked: int | None, usual: int, option: str) -> int:
    """Return a port that is free just now. Raises ConfigError if the one asked for is taken."""
    candidates = [asked] if asked is not None else [usual, 0]
    for candidate in candidates:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            number: int = probe.getsockname()[1]
            return number
    raise ConfigError([f"{option}: {asked} is taken; name another, or leave it out"])


def _people_and_token(database_url: str) -> str:
    """Add everybody, and give the token of OPERATOR."""
    migrate(database_url)
    database = Database(database_url)
    now = to_micros(SystemClock().now())
    try:
        return database.write(lambda db: _add_people(db, now))
    finally:
        database.dispose()


def _add_people(db: Transaction, now: int) -> str:
    for email, name, role in COLLEAGUES:
        person = operators.add(db, email=email, name=name, role=role, now=now, password=PASSWORD)
        if email in _LINKS:
            operators.link(db, person.id, CHANNEL, _LINKS[email])
    return operators.new_token(db, operators.find(db, OPERATOR).id, now)
