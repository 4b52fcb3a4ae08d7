"""A whole gateway against the Intercom stand-in, in one process, its work done step by step.

Real HTTP both ways, a real database; time is a clock that tests move, workers are called by hand.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import select
from werkzeug.serving import make_server

from gateway.agents.base import Agent
from gateway.app import create_app
from gateway.clock import MovableClock, to_micros
from gateway.config import HttpAgentSettings, IntercomSettings, Settings, Workspace
from gateway.conversations import doors
from gateway.conversations.doors import Caller
from gateway.events import Answer, Later, Turn
from gateway.people import operators
from gateway.store.models import ChatSession, Conversation, Message, Push, TurnRow
from gateway.sync.jobs import Bench
from gateway.watch.answers import AnswerCounter
from gateway.wiring import Parts, build
from intercom_standin.cast import AOIFE_ID, MAREK_ID, SUPPORT_TEAM_ID
from intercom_standin.server import StandIn

START = datetime(2026, 11, 22, 16, 8, tzinfo=UTC)
BOT, AOIFE, MAREK, TEAM = "814860", AOIFE_ID, MAREK_ID, SUPPORT_TEAM_ID
CHANNEL = "acme-intercom"
SUPERVISOR = Caller(id="opr_supervisor", name="Sam Supervisor", role="admin")


class Echo:
    """An AI agent that answers `AI: <the last words>`, or whatever a test tells it to."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.next: list[Answer | Later | Exception] = []
        self.before: list[Any] = []

    def ask(self, turn: Turn) -> Answer | Later:
        self.turns.append(turn)
        while self.before:
            self.before.pop(0)(turn)
        if self.next:
            answer = self.next.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        words = [message.text for message in turn.messages if message.author.kind == "customer"]
        return Answer(messages=[f"AI: {words[-1] if words else 'hello'}"])

    def read_reply(self, headers: dict[str, str], body: bytes) -> Answer:
        raise NotImplementedError


class Rig:
    """The gateway under test, the stand-in it talks to, and hands to move both."""

    def __init__(self, url: str, data_dir: Path, **channel: Any) -> None:
        self.clock = MovableClock(START)
        self.standin = StandIn(
            mode="manual", clock=lambda: self.clock.now().timestamp(), retry_after_s=60
        )
        self.agent = Echo()
        agent_rules = channel.pop("agent_rules", {})
        also, more = channel.pop("also", {}), channel.pop("more", {})
        workspace = Workspace(time_zone=channel.pop("time_zone", "UTC"))
        self.standin.start()
        self.settings = Settings(
            workspace=workspace,
            agents={
                "support": HttpAgentSettings(
                    name="support", url="http://127.0.0.1:1/turn", secret="whsec_c2VjcmV0c2VjcmV0",
                    **{"debounce_s": 0.0, **agent_rules},
                )
            },
            channels={
                CHANNEL: IntercomSettings(
                    name=CHANNEL, agent="support", access_token=self.standin.token,
                    client_secret=(self.standin.client_secret,), bot_admin_id=BOT,
                    base_url=self.standin.base_url,
                    # By hand, where a test is about it.
                    **{"reconcile_every_s": 0.0, **channel},
                ),
                **also,
            },
            database_url=url, secret_key="test", data_dir=data_dir, **more,
        )  # fmt: skip
        parts = build(self.settings, clock=self.clock)
        agents = {
            name: Agent(
                **{f: getattr(agent, f) for f in agent.__dataclass_fields__ if f != "asks"},
                asks=self.agent,
            )
            for name, agent in parts.agents.items()
        }
        self.parts: Parts = replace(parts, agents=agents)
        self.bench = Bench(self.parts, threading.Event())
        # Kept when a test says so, and not by a thread that outlives it.
        self.answers = AnswerCounter(self.parts.database, every_s=0)
        self.url = self._serve()

    # -- moving things -----------------------------------------------------------------------------

    @property
    def world(self) -> Any:
        return self.standin.world

    def hear(self) -> list[Any]:
        """Deliver every notification that waits, in order."""
        return list(self.standin.notifier.deliver_pending())

    def work(self, *kinds: str) -> None:
        """Do what is due of `kinds` (default: all) until nothing is."""
        for _ in range(50):
            busy = False
            for kind in kinds or ("turns", "deliver", "sync"):
                work = self.bench.works[kind]
                for key in work.due(50):
                    busy = True
                    work.do(key)
            if not busy:
                return
        raise AssertionError("the work never ends")

    def settle(self) -> None:
        """Hear and work until both are quiet."""
        for _ in range(20):
            heard = self.hear()
            self.work()
            if not heard and not self.standin.notifier.pending:
                return
            self.clock.advance(1)
        raise AssertionError("the talk never ends")

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    # -- doors -------------------------------------------------------------------------------------

    def hand_over(self, session_id: str, reason: str = "", caller: Caller = SUPERVISOR) -> Any:
        return self.act(doors.hand_over, session_id, caller, reason=reason, link="http://link")

    def act(self, door: Any, session_id: str, *args: Any, **more: Any) -> Any:
        terms = self.parts.terms[CHANNEL]
        now = to_micros(self.clock.now())
        return self.parts.database.write(
            lambda db: door(db, terms, session_id, *args, now=now, **more)
        )

    def token(self, role: str = "admin", name: str = "Sam Supervisor", link: str = "") -> str:
        """Make an operator and return a token of theirs."""
        now = to_micros(self.clock.now())

        def add(db: Any) -> str:
            email = f"{name.replace(' ', '.')}.{role}@acme.example"
            operator = operators.add(db, email=email, name=name, role=role, now=now)
            if link:
                operators.link(db, operator.id, CHANNEL, link)
            return operators.new_token(db, operator.id, now)

        return self.parts.database.write(add)

    def api(self, method: str, path: str, token: str, **json: Any) -> Any:
        """Call the REST API as a stranger would; returns the response."""
        return requests.request(
            method, f"{self.url}/api/v1{path}", json=json or None, timeout=10,
            headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip

    # -- looking -----------------------------------------------------------------------------------

    def sessions(self, conversation: str | None = None) -> list[Any]:
        query = select(ChatSession.__table__).order_by(
            ChatSession.opened_at, ChatSession.opened_number
        )
        if conversation:
            query = query.join(Conversation, Conversation.id == ChatSession.conversation_id).where(
                Conversation.external_id == conversation
            )
        with self.parts.database.read() as db:
            return list(db.execute(query).all())

    def session(self, conversation: str | None = None) -> Any:
        return self.sessions(conversation)[-1]

    def history(self, conversation: str | None = None, *kinds: str) -> list[Any]:
        query = select(Message.__table__, ChatSession.opened_by).outerjoin(
            ChatSession, ChatSession.id == Message.session_id
        )
        if conversation:
            query = query.join(Conversation, Conversation.id == Message.conversation_id).where(
                Conversation.external_id == conversation
            )
        query = query.order_by(Message.at, Message.number, Message.step, Message.id)
        with self.parts.database.read() as db:
            return [row for row in db.execute(query).all() if not kinds or row.kind in kinds]

    def texts(self, conversation: str | None = None) -> list[str]:
        return [f"{m.author_kind}: {m.text}" for m in self.history(conversation, "message")
                if m.state in ("received", "sent")]  # fmt: skip

    def markers(self, conversation: str | None = None) -> list[str]:
        return [m.data["kind"] for m in self.history(conversation, "marker")]

    def pushes(self) -> list[Any]:
        with self.parts.database.read() as db:
            return list(db.execute(select(Push.__table__).order_by(Push.id)).all())

    def turns(self) -> list[Any]:
        with self.parts.database.read() as db:
            return list(db.execute(select(TurnRow.__table__).order_by(TurnRow.id)).all())

    def said_by_bot(self, conversation: str) -> list[str]:
        """What the stand-in shows as public words of the bot's seat."""
        found = self.world.conversations[conversation]
        return [
            part.body for part in found.parts
            if str(part.author.id) == BOT and part.part_type != "note" and part.body
        ]  # fmt: skip

    # -- the web -----------------------------------------------------------------------------------

    def _serve(self) -> str:
        app = create_app(self.parts, self.answers)
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{self._server.server_port}"
        self.standin.notifier.url = f"{url}/webhooks/{CHANNEL}"
        return url

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.standin.stop()
        self.parts.database.dispose()


@contextmanager
def rig(url: str, data_dir: Path, **channel: Any) -> Iterator[Rig]:
    it = Rig(url, data_dir, **channel)
    try:
        yield it
    finally:
        it.close()
