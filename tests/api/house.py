"""A gateway to test doors with: Intercom configured, a movable clock, callers of every role."""

import base64
import itertools
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway import contacts, wiring
from gateway.app import create_app
from gateway.clock import MovableClock, to_micros
from gateway.config import (
    FileSettings,
    HttpAgentSettings,
    IntercomSettings,
    ScriptedAgentSettings,
    Settings,
    SubscriberSettings,
    Workspace,
)
from gateway.conversations import record
from gateway.conversations.record import Source
from gateway.conversations.thread import Named, open_conversation
from gateway.events import (
    Actor,
    Assigned,
    Assignee,
    Closed,
    ContactSeen,
    Fact,
    MessageReceived,
    NoteAdded,
    Position,
    StaffSeen,
)
from gateway.people import operators, staff
from gateway.store import Transaction, new_id
from gateway.store.models import Installation
from gateway.store.sql import insert_into
from gateway.watch.answers import AnswerCounter

CHANNEL = "acme-intercom"
BOT = "814860"
SECRET = "a client secret"
AGENT_SECRET = "whsec_" + base64.b64encode(b"the agent's own secret key").decode()
START = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)


def settings(
    database_url: str,
    *,
    redis_url: str | None = None,
    agent: str = "support",
    subscribers: tuple[SubscriberSettings, ...] = (),
    public_url: str = "https://gateway.acme.test",
) -> Settings:
    return Settings(
        workspace=Workspace(name="Acme", time_zone="Europe/Dublin"),
        agents={
            "support": ScriptedAgentSettings(name="support"),
            "late": HttpAgentSettings(
                name="late",
                url="http://agent.test/turn",
                secret=AGENT_SECRET,
                contact_fields={"phone": "parameters.phone", "custom.order": "results.order"},
            ),
        },
        channels={
            CHANNEL: IntercomSettings(
                name=CHANNEL,
                agent=agent,
                access_token="an access token",
                client_secret=(SECRET,),
                bot_admin_id=BOT,
            )
        },
        database_url=database_url,
        redis_url=redis_url,
        subscribers=subscribers,
        secret_key="a secret key",
        public_url=public_url,
        data_dir=Path("/nonexistent"),
        files=FileSettings(url=f"memory://house-{uuid.uuid4().hex}"),
    )


class House:
    """The application, its parts, and short ways to make things happen in it."""

    def __init__(self, database_url: str, *, people: bool = True, **more: Any) -> None:
        self.clock = MovableClock(START)
        self.parts = wiring.build(self.settings(database_url, **more), clock=self.clock)
        self.database = self.parts.database
        # Kept when a test says so, and not by a thread that outlives it.
        self.answers = AnswerCounter(self.database, every_s=0)
        self.app = create_app(self.parts, self.answers)
        self._number = itertools.count(1)
        self.tokens: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        for role in operators.ROLES if people else ():
            self.add_operator(role, link=f"9000{len(self.tokens)}")

    def settings(self, database_url: str, **more: Any) -> Settings:
        """What it is built from; a house with more in it says so here."""
        return settings(database_url, **more)

    # -- people ---------------------------------------------------------------------------------

    def add_operator(self, role: str, *, key: str | None = None, link: str | None = None) -> str:
        key = key or role

        def add(db: Transaction) -> tuple[str, str]:
            added = operators.add(
                db, email=f"{key}@acme.test", name=f"{key.title()} Ann", role=role, now=self.now
            )
            if link:
                operators.link(db, added.id, CHANNEL, link)
            return added.id, operators.new_token(db, added.id, self.now)

        self.ids[key], self.tokens[key] = self.database.write(add)
        return self.tokens[key]

    def staff(self, kind: Any, id: str, name: str | None) -> None:
        self.database.write(
            lambda db: staff.see(
                db, self.installation(db), [StaffSeen(kind=kind, id=id, name=name)]
            )
        )

    # -- what a channel reports --------------------------------------------------------------------

    @property
    def now(self) -> int:
        return to_micros(self.clock.now())

    def installation(self, db: Transaction) -> str:
        known = db.session.query(Installation.id).filter(Installation.channel == CHANNEL).scalar()
        if known is None:
            known = new_id("ins")
            db.execute(
                insert_into(db, Installation).values(
                    id=known, channel=CHANNEL, slot="", external_id="app1", created_at=self.now
                )
            )
        return str(known)

    def happen(
        self, conversation: str, *facts: Fact, contact: ContactSeen | None = None,
        source: Source = "delivery",
    ) -> record.Outcome:  # fmt: skip
        """Apply facts of one conversation, as a delivery would."""

        def apply(db: Transaction) -> record.Outcome:
            installation_id = self.installation(db)
            held = open_conversation(db, Named(installation_id, conversation, CHANNEL), self.now)
            seen = [contact] if contact else []
            whose = {
                fact.id: contact_id
                for contact_id in contacts.see(db, installation_id, seen, self.now)
                for fact in facts
            }
            report = record.Report(
                terms=self.parts.terms[CHANNEL], held=held, facts=facts,
                now=self.now, source=source, whose=whose,
            )  # fmt: skip
            return record.apply_all(db, [report])[0]

        return self.database.write(apply)

    def _where(self, conversation: str) -> dict[str, Any]:
        number = next(self._number)
        self.clock.advance(1)
        return {
            "conversation": conversation, "id": str(number), "at": Position(self.now, number),
        }  # fmt: skip

    def said(self, conversation: str, text: str, by: Actor | None = None) -> MessageReceived:
        author = by or Actor(kind="customer", id="c1", name="Carol")
        return MessageReceived(**self._where(conversation), author=author, text=text)

    def noted(self, conversation: str, text: str, by: Actor) -> NoteAdded:
        return NoteAdded(**self._where(conversation), author=by, text=text)

    def assigned(
        self, conversation: str, kind: Any, id: str | None = None, by: Actor | None = None
    ) -> Assigned:
        return Assigned(
            **self._where(conversation),
            to=Assignee(kind=kind, id=id),
            by=by or Actor(kind="operator", id="500", name="Bob"),
        )

    def closed(self, conversation: str) -> Closed:
        return Closed(**self._where(conversation), by=Actor(kind="operator", id="500", name="Bob"))

    def session(self, conversation: str = "1001", text: str = "Hello?") -> str:
        """A session that the AI answers; its id."""
        self.happen(
            conversation,
            self.assigned(conversation, "ai", BOT),
            self.said(conversation, text),
            contact=ContactSeen(id="c1", name="Carol", email="carol@example.test"),
        )
        items = self.get(f"/sessions?conversation={conversation}").json["items"]
        return str(items[0]["id"])

    # -- callers ---------------------------------------------------------------------------------

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def get(self, path: str, role: str | None = "operator", **more: Any) -> Any:
        return self.call("GET", path, role, **more)

    def post(self, path: str, json: Any = None, role: str | None = "operator", **more: Any) -> Any:
        return self.call("POST", path, role, json=json, **more)

    def call(
        self, method: str, path: str, role: str | None, key: str | None = None, **more: Any
    ) -> TestResponse:
        headers = dict(more.pop("headers", {}))
        if role is not None:
            headers["Authorization"] = f"Bearer {self.tokens[role]}"
        if key is not None:
            headers["Idempotency-Key"] = key
        if more.get("json") is None:
            more.pop("json", None)
        return self.client().open("/api/v1" + path, method=method, headers=headers, **more)
