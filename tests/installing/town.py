"""A gateway with a public app, and two workspaces that name everything by the same ids.

Both ways real HTTP, a real database; time is a clock that tests move, workers are called by hand.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sqlalchemy import select
from werkzeug.serving import make_server

from gateway.agents.base import Agent
from gateway.app import create_app
from gateway.clock import MovableClock, to_micros
from gateway.config import HttpAgentSettings, IntercomAppSettings, Settings, Workspace
from gateway.people import operators, passwords, signins
from gateway.store.models import ChatSession, Conversation, Message, Push
from gateway.sync.jobs import Bench
from gateway.watch.answers import AnswerCounter
from gateway.wiring import Parts, build
from intercom_standin import PublicApp, StandIn
from intercom_standin.cast import SUPPORT_TEAM_ID
from tests.rig import BOT, START, Echo
from tests.services.processes import free_port

APP = "acme"
EAST, WEST = "east1abc", "west2def"
PASSWORD = "correct horse"
_HASHED = passwords.hashed(PASSWORD)
_FORM = re.compile(r'name="form" value="([0-9a-f]+)"')
_CSRF = re.compile(r'name="csrf-token" content="([0-9a-f]+)"')


class Town:
    """The gateway under test, the two workspaces, and hands to move all three."""

    def __init__(
        self, url: str, data_dir: Path, *, mode: str = "manual", secret_key: str = "one", **app: Any
    ) -> None:
        self.clock = MovableClock(START)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.workspaces = {
            id: StandIn(
                app_id=id, name=name, region=region, ids_of="both", mode=mode,
                clock=lambda: self.clock.now().timestamp(),
            )
            for id, name, region in ((EAST, "East <b>Ltd</b>", "US"), (WEST, "West", "EU"))
        }  # fmt: skip
        self.public = PublicApp(
            list(self.workspaces.values()), client_secret="app-secret",
            redirect_urls=[f"{self.url}/channels/{APP}/callback"],
            notify_url=f"{self.url}/webhooks/{APP}",
        ).start()  # fmt: skip
        self.agent = Echo()
        self.settings = Settings(
            workspace=Workspace(time_zone="UTC"),
            agents={
                "support": HttpAgentSettings(
                    name="support", url="http://127.0.0.1:1/turn", debounce_s=0.0,
                    secret="whsec_c2VjcmV0c2VjcmV0",
                )
            },
            channels={
                APP: IntercomAppSettings(
                    name=APP, agent="support", client_id=self.public.client_id,
                    client_secret=("app-secret",), base_url=self.public.base_url,
                    consent_url=f"{self.public.base_url}/oauth",
                    **{"reconcile_every_s": 600.0, **app},
                )
            },
            database_url=url, secret_key=secret_key, public_url=self.url, data_dir=data_dir,
        )  # fmt: skip
        self.parts = self.built(self.settings)
        self.bench = Bench(self.parts, threading.Event())
        self.answers = AnswerCounter(self.parts.database, every_s=0)
        app_ = create_app(self.parts, self.answers)
        self._server = make_server("127.0.0.1", port, app_, threaded=True)
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.parts.database.write(self._add_people)
        self.browser = requests.Session()
        self.csrf = self.sign_in(self.browser)

    def built(self, settings: Settings) -> Parts:
        """The parts of a process over the same record; all of them share one agent."""
        parts = build(settings, clock=self.clock)
        agents = {
            name: Agent(
                **{f: getattr(agent, f) for f in agent.__dataclass_fields__ if f != "asks"},
                asks=self.agent,
            )
            for name, agent in parts.agents.items()
        }
        return replace(parts, agents=agents)

    # -- an administrator with a browser -----------------------------------------------------------

    def _add_people(self, db: Any) -> None:
        now = to_micros(self.clock.now())
        for role in ("admin", "operator"):
            email = f"{role}@acme.test"
            one = operators.add(db, email=email, name=f"Ann {role}", role=role, now=now)
            signins.set_password(db, one.id, _HASHED)

    def sign_in(self, browser: requests.Session, role: str = "admin") -> str:
        """Sign in; return the word that the API asks for."""
        page = browser.get(f"{self.url}/console/login", timeout=10)
        form = _FORM.search(page.text)
        assert form
        said = {"email": f"{role}@acme.test", "password": PASSWORD, "form": form[1]}
        page = browser.post(f"{self.url}/console/login", data=said, timeout=10)
        csrf = _CSRF.search(page.text)
        assert csrf, page.text[:500]
        return csrf[1]

    def begin(self, browser: requests.Session | None = None, region: str = "") -> dict[str, str]:
        """Press *Connect a workspace*; return what the consent page is asked."""
        where = f"{self.url}/channels/{APP}/install" + (f"?region={region}" if region else "")
        answer = (browser or self.browser).get(where, timeout=10, allow_redirects=False)
        answer = (browser or self.browser).get(
            f"{self.url}{answer.headers['Location']}", timeout=10, allow_redirects=False
        )
        assert answer.status_code == 303, answer.text[:500]
        asked = parse_qs(urlsplit(answer.headers["Location"]).query)
        return {name: values[0] for name, values in asked.items()}

    def come_back(
        self, state: str, code: str, browser: requests.Session | None = None
    ) -> requests.Response:
        """What the browser does at the end of the consent; redirects are followed."""
        return (browser or self.browser).get(
            f"{self.url}/channels/{APP}/callback", params={"state": state, "code": code}, timeout=20
        )

    def install(self, app_id: str, *, seat: bool = True) -> None:
        """Let a workspace in, and decide as whom the AI answers."""
        answer = self.come_back(self.begin()["state"], self.public.allow(app_id))
        assert answer.status_code == 200, answer.text[:500]
        if seat:
            self.decide(app_id, seat=BOT, hand_over_to=f"team:{SUPPORT_TEAM_ID}")

    def decide(self, app_id: str, **body: Any) -> dict[str, Any]:
        answer = self.api("PATCH", f"/channels/{APP}.{app_id}/installation", **body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def api(self, method: str, path: str, **json: Any) -> requests.Response:
        return self.browser.request(
            method, f"{self.url}/api/v1{path}", json=json or None, timeout=10,
            headers={"X-CSRF-Token": self.csrf},
        )  # fmt: skip

    # -- moving things -----------------------------------------------------------------------------

    def work(self, *kinds: str) -> None:
        """Do what is due until nothing is."""
        for _ in range(50):
            busy = False
            self.parts.refresh()
            for kind in kinds or ("turns", "deliver", "sync"):
                work = self.bench.works[kind]
                for key in work.due(50):
                    busy = True
                    work.do(key)
            if not busy:
                return
        raise AssertionError("the work never ends")

    def look(self) -> None:
        """Look at every channel's health, as is done once a minute by the database's clock."""
        self.bench.works["watch"]._look()  # type: ignore[attr-defined]

    def settle(self, *kinds: str) -> None:
        """Hear and work until everything is quiet."""
        for _ in range(20):
            heard = [
                one
                for workspace in self.workspaces.values()
                if workspace.notifier.url
                for one in workspace.notifier.deliver_pending()
            ]
            assert all(one.ok for one in heard), heard
            self.work(*kinds)
            if not heard:
                return
            self.clock.advance(1)
        raise AssertionError("the talk never ends")

    # -- looking -----------------------------------------------------------------------------------

    def history(self, app_id: str) -> list[str]:
        """What was said in a workspace's conversations, in order."""
        query = (
            select(Message.author_kind, Message.text)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .where(
                Conversation.channel == f"{APP}.{app_id}",
                Message.kind == "message",
                Message.state.in_(("received", "sent")),
            )
            .order_by(Message.at, Message.number, Message.step, Message.id)
        )
        with self.parts.database.read() as db:
            return [f"{row.author_kind}: {row.text}" for row in db.execute(query)]

    def session(self, app_id: str) -> Any:
        query = (
            select(ChatSession.__table__)
            .where(ChatSession.channel == f"{APP}.{app_id}")
            .order_by(ChatSession.opened_at.desc())
        )
        with self.parts.database.read() as db:
            return db.execute(query).first()

    def pushes(self, app_id: str) -> list[Any]:
        query = (
            select(Push.__table__)
            .join(Conversation, Conversation.id == Push.conversation_id)
            .where(Conversation.channel == f"{APP}.{app_id}")
            .order_by(Push.id)
        )
        with self.parts.database.read() as db:
            return list(db.execute(query).all())

    def said_by_bot(self, app_id: str, conversation: str) -> list[str]:
        """What a workspace itself shows as public words of the AI's seat."""
        found = self.workspaces[app_id].world.conversations[conversation]
        return [
            re.sub(r"<[^>]+>", "", part.body) for part in found.parts
            if str(part.author.id) == BOT and part.part_type != "note" and part.body
        ]  # fmt: skip

    def configure(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **environ: str) -> None:
        """Let commands know of this record and this app."""
        config = folder / "gateway.toml"
        config.write_text(
            '[agents.support]\nkind = "scripted"\n'
            f'[channels.{APP}]\nkind = "intercom"\nagent = "support"\n'
            'client_id = "x"\nclient_secret = "y"\n'
        )
        monkeypatch.delenv("GATEWAY_SECRET_KEY_PREVIOUS", raising=False)
        for name, value in {
            "GATEWAY_CONFIG": str(config),
            "GATEWAY_DATA_DIR": str(folder),
            "GATEWAY_DATABASE_URL": self.settings.database_url,
            "GATEWAY_SECRET_KEY": self.settings.secret_key,
            **environ,
        }.items():
            monkeypatch.setenv(name, value)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.public.stop()
        self.parts.database.dispose()


@contextmanager
def town(url: str, data_dir: Path, **more: Any) -> Iterator[Town]:
    it = Town(url, data_dir, **more)
    try:
        yield it
    finally:
        it.close()
