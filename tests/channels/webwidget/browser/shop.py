"""A gateway with the widget, in a real web process that can be killed; its workers are here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jwt
import requests
from sqlalchemy import select

from gateway.clock import to_micros
from gateway.config import load_settings
from gateway.demo import stage
from gateway.people import operators
from gateway.store import migrate
from gateway.store.models import Conversation, Message
from gateway.wiring import build
from tests.services.processes import free_port, wait_until
from tests.services.worker import Worker

CHANNEL, KEY = "acme-web", "acme-web-key"
OTHER, OTHER_KEY = "other-web", "other-web-key"
IDENTITY_SECRET = "a-secret-that-only-the-site-and-the-gateway-know"
_TOML = """\
[workspace]
name = "Fenlight"
time_zone = "Europe/Dublin"

[agents.shop]
kind = "scripted"
script = "{script}"
debounce_s = 0.0
handover_message = "I am handing you over to a colleague now, who will write to you here."

[channels.{channel}]
kind = "webwidget"
agent = "shop"
key = "{key}"
allowed_origins = ["{site}"]
identity_secret = "{identity_secret}"
title = "Fenlight"
welcome_message = "Hello! Ask about an **order** or [shipping](https://fenlight.example/shipping)."
quick_replies = ["What does shipping cost?", "Talk to a person"]
demo_page = true
requests_per_second = 50
address_requests_per_second = 500

[channels.{other}]
kind = "webwidget"
agent = "shop"
key = "{other_key}"
allowed_origins = ["https://www.other.example"]
"""
_WORK = ("turns", "deadlines")


class Operator:
    """A person at the gateway's API."""

    def __init__(self, url: str, token: str, name: str) -> None:
        self.name = name
        self._url = url
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Authorization"] = f"Bearer {token}"

    def sessions(self, **wanted: str) -> list[dict[str, Any]]:
        return list(self._call("GET", "/sessions", params=wanted)["items"])

    def do(self, act: str, session: str, **what: Any) -> dict[str, Any]:
        """Act on a session: `accept`, `messages`, `hand_back`, `finish`, `typing`, …"""
        return self._call("POST", f"/sessions/{session}/{act}", json=what)

    def messages(self, session: str) -> list[dict[str, Any]]:
        return list(self._call("GET", f"/sessions/{session}/messages")["items"])

    def close(self) -> None:
        self._http.close()

    def _call(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        answer = self._http.request(method, f"{self._url}/api/v1{path}", timeout=10, **what)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        told: dict[str, Any] = answer.json() if answer.content else {}
        return told


class Shop:
    """The gateway under test, and the record that it keeps."""

    def __init__(self, database_url: str, redis_url: str, folder: Path, site: str) -> None:
        config = folder / "gateway.toml"
        script = Path(stage.__file__).with_name("shop.toml")
        config.write_text(
            _TOML.format(
                script=script, channel=CHANNEL, key=KEY, site=site, other=OTHER,
                other_key=OTHER_KEY, identity_secret=IDENTITY_SECRET,
            )
        )  # fmt: skip
        migrate(database_url)
        self.log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        own = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        self._environ = own | {
            "GATEWAY_CONFIG": str(config), "GATEWAY_DATA_DIR": str(folder),
            "GATEWAY_DATABASE_URL": database_url, "GATEWAY_REDIS_URL": redis_url,
            "GATEWAY_SECRET_KEY": "s" * 40, "GATEWAY_PUBLIC_URL": self.url,
            "WEB_CONCURRENCY": "1", "NO_PROXY": "127.0.0.1",
        }  # fmt: skip
        self.parts = build(load_settings(self._environ))
        self.database = self.parts.database
        self._worker = Worker(self.parts, _WORK)

    # -- the processes -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start what is not running; wait until it serves."""
        self._worker.start()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "web", "--port", str(self._port)],
                env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        wait_until(self._serves, f"the gateway; see {self.log}")

    def kill(self) -> None:
        """SIGKILL the web server, whatever it is doing."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        troubles = self._worker.stop()
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self.database.dispose()
        assert troubles == []

    def _serves(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    # -- people ------------------------------------------------------------------------------------

    def operator(self, name: str) -> Operator:
        now = to_micros(self.parts.clock.now())
        email = f"{name.replace(' ', '.').lower()}@fenlight.example"

        def add(db: Any) -> str:
            person = operators.add(db, email=email, name=name, role="admin", now=now)
            return operators.new_token(db, person.id, now)

        return Operator(self.url, self.database.write(add), name)

    def call(self, method: str, door: str, token: str) -> requests.Response:
        """Call a door of the widget with a visitor's token."""
        return requests.request(
            method, f"{self.url}/widget/v1{door}", timeout=10,
            headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip

    # -- the record --------------------------------------------------------------------------------

    def written(self, visitor: str) -> list[str]:
        """What the customer wrote, by the record, in its order."""
        query = (
            select(Message.text)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .where(Conversation.external_id == visitor, Message.author_kind == "customer")
            .order_by(Message.at, Message.number, Message.step, Message.id)
        )
        with self.database.read() as db:
            return list(db.scalars(query))


def proof(secret: str = IDENTITY_SECRET, *, lasts_s: float = 600, **claims: Any) -> str:
    """What a site's server makes for a person who has logged in."""
    return jwt.encode({"exp": int(time.time() + lasts_s), **claims}, secret, algorithm="HS256")
