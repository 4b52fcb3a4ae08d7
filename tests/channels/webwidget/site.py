"""Two web sites with the widget on them, one gateway behind, and visitors who call its doors.

No network: real parts, a real database, Flask's own client, a clock that tests move.
"""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway import wiring
from gateway.app import create_app
from gateway.channels.webwidget.deployments import Deployments
from gateway.clock import MovableClock, to_micros
from gateway.config import (
    FileSettings,
    ScriptedAgentSettings,
    ScriptRule,
    Settings,
    WebWidgetSettings,
)
from gateway.config.settings import ApiSettings
from gateway.sync.jobs import Bench

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
ACME, OTHER = "acme-web", "other-web"
ORIGINS = {ACME: "https://www.acme.example", OTHER: "https://other.example"}
SECRETS = {ACME: "acme's secret for known visitors", OTHER: "other's secret for known visitors"}
PREFIX = "/widget/v1"


class Site:
    """The gateway under test. What visitors do is done by `Browser`s."""

    def __init__(
        self,
        database_url: str,
        *,
        redis_url: str | None = None,
        origins: Mapping[str, tuple[str, ...]] | None = None,
        trusted_proxies: int = 0,
        **more: Any,
    ) -> None:
        """`more` are settings of both widgets."""
        self.clock = MovableClock(START)
        channels: dict[str, Any] = {
            name: WebWidgetSettings(
                name=name, agent="support", key=f"{name}-key",
                allowed_origins=(origins or {}).get(name, (ORIGINS[name],)),
                identity_secret=(SECRETS[name],), **{"ai_name": "Robin", **more},
            )
            for name in (ACME, OTHER)
        }  # fmt: skip
        script = (ScriptRule(pattern="hello", reply=("Hello!",)),)
        self.settings = Settings(
            agents={
                "support": ScriptedAgentSettings(
                    name="support", script=script, fallback_reply="I see.", debounce_s=0.0
                )
            },
            channels=channels,
            database_url=database_url,
            redis_url=redis_url,
            secret_key="the gateway's secret",
            data_dir=Path("/nonexistent"),
            files=FileSettings(url=f"memory://site-{uuid.uuid4().hex}"),
            api=ApiSettings(trusted_proxies=trusted_proxies),
        )
        self.parts = wiring.build(self.settings, clock=self.clock)
        self.app = create_app(self.parts)
        self.bench = Bench(self.parts, threading.Event())

    def use(self, widgets: Deployments) -> None:
        """Open the doors of other deployments."""
        self.parts = replace(self.parts, widgets=widgets)
        self.app = create_app(self.parts)

    @property
    def now(self) -> int:
        return to_micros(self.clock.now())

    def browser(self, channel: str = ACME, **more: Any) -> Browser:
        """A visitor's browser on a page of this channel's site, with nothing in it yet."""
        return Browser(self, self.app.test_client(), channel, **more)

    def jwt(self, user: str = "user-1", channel: str = ACME, **claims: Any) -> str:
        """What the site's server signs for its user."""
        now = int(self.clock.now().timestamp())
        told = {"sub": user, "iat": now, "exp": now + 3600, **claims}
        told = {name: value for name, value in told.items() if value is not ...}
        return jwt.encode(told, SECRETS[channel], algorithm="HS256")

    def answer(self) -> None:
        """Let the AI answer what it owes."""
        for _ in range(20):
            due = self.bench.works["turns"].due(50)
            if not due:
                return
            for key in due:
                self.bench.works["turns"].do(key)
        raise AssertionError("the work never ends")


@dataclass
class Browser:
    """One browser with the widget in it. `token` is what it keeps."""

    site: Site
    client: FlaskClient
    channel: str
    token: str | None = None
    origin: str | None = ""
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        if self.origin == "":
            self.origin = ORIGINS[self.channel]

    def call(
        self,
        method: str,
        rule: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        **more: Any,
    ) -> TestResponse:
        """Call a door as this browser would."""
        told = dict(headers or {})
        if self.origin is not None:
            told.setdefault("Origin", self.origin)
        if (token or self.token) is not None and "Authorization" not in told:
            told["Authorization"] = f"Bearer {token or self.token}"
        return self.client.open(
            PREFIX + rule, method=method, headers=told,
            **({} if body is None else {"json": body}), **more,
        )  # fmt: skip

    def open(self, *, status: int = 200, **body: Any) -> Any:
        """Ask for a session; the token that comes is kept."""
        body = {"key": f"{self.channel}-key", "visitor_token": self.token, **body}
        answer = self.client.post(
            PREFIX + "/sessions",
            json=body,
            headers={} if self.origin is None else {"Origin": self.origin},
        )
        assert answer.status_code == status, answer.text
        if status == 200:
            self.token = answer.json["visitor_token"]
        return answer.json

    def say(self, text: str, *, status: int = 200, **body: Any) -> Any:
        """Say something."""
        body = {"client_id": f"m-{next(self.numbers)}", "text": text, **body}
        answer = self.call("POST", "/messages", body)
        assert answer.status_code == status, answer.text
        return answer.json


def at_once(works: list[Any]) -> None:
    """Do several things at the same moment, and fail if one of them fails."""
    failed: list[BaseException] = []
    start = threading.Barrier(len(works))

    def do(work: Any) -> None:
        start.wait()
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=do, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed
