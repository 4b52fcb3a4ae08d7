"""The mission's two worlds: Intercom, and a channel where nobody assigns. One way to move in both.

Customers write in their channel, operators call the REST API, workers do what is owed; what a
customer sees is read where a customer reads it. No test of the mission looks anywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any, Protocol

from flask.testing import FlaskClient
from sqlalchemy import select

from gateway.app import create_app
from gateway.config import Workspace
from gateway.people import operators
from gateway.store.models import Conversation, Message
from gateway.watch.answers import AnswerCounter
from tests.desk import Desk, desk
from tests.rig import AOIFE, BOT, CHANNEL, MAREK, Echo, Rig, rig

ZONE = "Asia/Tokyo"
# Eight past four in the afternoon in Tokyo; worlds begin a little earlier.
MOMENT = datetime(2026, 11, 24, 7, 8, tzinfo=UTC)
BEGINNING = MOMENT - timedelta(minutes=4)
WHEN = "24 Nov 2026, 16:08"
# Who works here: the role, and who they are in Intercom (None: nobody).
STAFF: dict[str, tuple[Any, int | None]] = {
    "Aoife Byrne": ("operator", AOIFE),
    "Marek Nowak": ("operator", MAREK),
    "Sam Supervisor": ("admin", None),
    "Vera Viewer": ("viewer", None),
}
AOIFE_, MAREK_, SAM, VERA = STAFF


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a door answered."""

    status: int
    json: Any

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.json["error"]["message"]


class World(Protocol):
    """What differs between the two."""

    agent: Echo
    ids: dict[str, str]

    def move_to(self, moment: datetime) -> None: ...
    def wait(self, seconds: float) -> None: ...
    def begin(self, text: str) -> str:
        """A customer writes for the first time; the conversation."""

    def write(self, conversation: str, text: str) -> None:
        """The customer of a conversation writes again."""

    def hear(self) -> None:
        """What the channel reports arrives; no worker works."""

    def settle(self) -> None:
        """All that is owed is done."""

    def seen_by_customer(self, conversation: str) -> list[str]:
        """The public words in the customer's channel, by whom they are there: `name: text`."""

    def call(self, method: str, path: str, who: str, json: Any = None) -> Answered: ...
    def rows(self, query: Any) -> list[Any]: ...


class _Both:
    """What does not."""

    parts: Any
    clock: Any
    ids: dict[str, str]

    def move_to(self, moment: datetime) -> None:
        seconds = (moment - self.clock.now()).total_seconds()
        assert seconds >= 0, "no clock goes back"
        self.clock.advance(seconds)

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def rows(self, query: Any) -> list[Any]:
        with self.parts.database.read() as db:
            return list(db.execute(query).all())

    def _employ(self, channel: str | None) -> dict[str, str]:
        """Add the staff, linked to who they are in `channel`; their tokens."""
        now = int(self.clock.now().timestamp() * 1e6)

        def add(db: Any) -> dict[str, tuple[str, str]]:
            added = {}
            for name, (role, seat) in STAFF.items():
                email = f"{name.split()[0].lower()}@acme.test"
                operator = operators.add(db, email=email, name=name, role=role, now=now)
                if channel is not None and seat is not None:
                    operators.link(db, operator.id, channel, str(seat))
                added[name] = operator.id, operators.new_token(db, operator.id, now)
            return added

        found = self.parts.database.write(add)
        self.ids = {name: id for name, (id, _) in found.items()}
        return {name: token for name, (_, token) in found.items()}


class InIntercom(_Both):
    """Over HTTP on both sides; the customer's channel is the stand-in's."""

    def __init__(self, it: Rig) -> None:
        self.it, self.parts, self.clock, self.agent = it, it.parts, it.clock, it.agent
        self.move_to(BEGINNING)
        self.tokens = self._employ(CHANNEL)

    def begin(self, text: str) -> str:
        made = self.it.world.customer_starts(text, name="Cleo Customer")
        conversation = str(made.conversation.id)
        self.settle()
        return conversation

    def write(self, conversation: str, text: str) -> None:
        self.it.advance(5)
        self.it.world.customer_replies(conversation, text)

    def hear(self) -> None:
        self.it.hear()

    def settle(self) -> None:
        self.it.settle()

    def seen_by_customer(self, conversation: str) -> list[str]:
        found = self.it.world.conversations[conversation]
        names = {str(AOIFE): AOIFE_, str(MAREK): MAREK_, BOT: "AI"}
        words = [f"Customer: {_plain(found.body)}"]
        for part in found.parts:
            if part.body and part.part_type != "note":
                words.append(f"{names.get(str(part.author.id), 'Customer')}: {_plain(part.body)}")
        return words

    def call(self, method: str, path: str, who: str, json: Any = None) -> Answered:
        answer = self.it.api(method, path, self.tokens[who], **(json or {}))
        return Answered(status=answer.status_code, json=answer.json())


class WithoutHelpdesk(_Both):
    """Doors by Flask's own client; what is recorded as said is what the customer has."""

    def __init__(self, it: Desk) -> None:
        self.it, self.parts, self.clock, self.agent = it, it.parts, it.clock, it.agent
        self.move_to(BEGINNING)
        self.tokens = self._employ(None)
        answers = AnswerCounter(self.parts.database, every_s=0)
        self._client: FlaskClient = create_app(self.parts, answers).test_client()
        self._count = 0

    def begin(self, text: str) -> str:
        self._count += 1
        conversation = f"c{self._count}"
        self.it.says(text, conversation)
        self.settle()
        return conversation

    def write(self, conversation: str, text: str) -> None:
        self.it.advance(5)
        self.it.says(text, conversation)

    def hear(self) -> None:
        """Words are facts the moment they are written."""

    def settle(self) -> None:
        self.it.work()

    def seen_by_customer(self, conversation: str) -> list[str]:
        rows = self.rows(
            select(Message.author_kind, Message.author_name, Message.text)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .where(
                Conversation.external_id == conversation,
                Message.kind == "message",
                Message.state.in_(("received", "sent")),
            )
            .order_by(Message.at, Message.number, Message.step, Message.id)
        )
        names = {"customer": "Customer", "ai": "AI", "system": "AI"}
        return [f"{names.get(row[0], row[1])}: {row[2]}" for row in rows]

    def call(self, method: str, path: str, who: str, json: Any = None) -> Answered:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        more = {"json": json} if json else {}
        answer = self._client.open(f"/api/v1{path}", method=method, headers=headers, **more)
        return Answered(status=answer.status_code, json=answer.json)


class Session:
    """A session as people see it through the API, and its customer."""

    def __init__(self, world: World, conversation: str, id: str | None = None) -> None:
        self.world = world
        self.conversation = conversation
        self.id = id or self.all()[0]["id"]

    def all(self) -> list[Any]:
        """The sessions of its conversation, the newest first."""
        found: list[Any] = self.get(f"/sessions?conversation={self.conversation}")["items"]
        return found

    def get(self, path: str, who: str = SAM) -> Any:
        answer = self.world.call("GET", path, who)
        assert answer.status == 200, answer.json
        return answer.json

    def now(self, who: str = SAM) -> Any:
        """The session as the API tells it to somebody; the list tells the same."""
        told = self.get(f"/sessions/{self.id}", who)
        listed = self.get(f"/sessions?conversation={self.conversation}", who)["items"]
        assert told in listed
        return told

    def do(self, act: str, who: str = SAM, **body: Any) -> Answered:
        return self.world.call("POST", f"/sessions/{self.id}/{act}", who, body)

    def done(self, act: str, who: str = SAM, **body: Any) -> Any:
        """Act, and let everything that follows from it happen."""
        answer = self.do(act, who, **body)
        assert answer.status in (200, 201), answer.json
        self.world.settle()
        return answer.json

    def lines(self, *kinds: str) -> list[Any]:
        items: list[Any] = self.get(f"/sessions/{self.id}/messages?limit=500")["items"]
        return [item for item in items if not kinds or item["kind"] in kinds]

    def markers(self) -> list[str]:
        return [line["text"] for line in self.lines("marker")]

    def said(self) -> list[str]:
        """The public words of the history, as `author: text`."""
        names = {"customer": "Customer", "ai": "AI", "system": "AI"}
        return [
            f"{names.get(line['author']['kind'], line['author']['name'])}: {line['text']}"
            for line in self.lines("message")
            if line["state"] in ("received", "sent")
        ]

    def incoming(self) -> bool:
        """True if it stands among those that wait for somebody to accept them."""
        listed = self.get("/sessions?waits=accept")["items"]
        return self.id in [one["id"] for one in listed]

    def writes(self, text: str) -> None:
        """The customer writes, and everything that follows from it happens."""
        self.world.write(self.conversation, text)
        self.world.settle()

    def sees(self) -> list[str]:
        """What the customer has before them."""
        return self.world.seen_by_customer(self.conversation)


def _plain(markup: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", markup))


@contextmanager
def world(kind: str, url: str, folder: Path, **rules: Any) -> Iterator[World]:
    """One of the two, `rules` being the agent's, as of BEGINNING."""
    if kind == "intercom":
        with rig(url, folder, time_zone=ZONE, agent_rules=rules) as made:
            yield InIntercom(made)
    else:
        with desk(url, folder, workspace=Workspace(time_zone=ZONE), **rules) as made_desk:
            yield WithoutHelpdesk(made_desk)
