"""A gateway with a channel that has no helpdesk behind it: people work at our doors alone.

No network: a customer's words are applied as facts, operators knock at the doors, workers are
called by hand, time is a clock that tests move.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import select

from gateway.agents.base import Agent
from gateway.channels.base import Channel
from gateway.clock import MovableClock, to_micros
from gateway.commands import CommandKind
from gateway.config import (
    HttpAgentSettings,
    IntercomSettings,
    Settings,
    SmtpSettings,
    Workspace,
)
from gateway.conversations import doors, record
from gateway.conversations.doors import Caller
from gateway.conversations.thread import Named, open_conversation
from gateway.events import NOBODY, Actor, Assignee, Fact, MessageReceived, Position
from gateway.people import operators
from gateway.people.availability import Availability
from gateway.people.reception import Receptions
from gateway.policy import Policy, Terms
from gateway.store import Transaction, new_id
from gateway.store.models import ChatSession, Draft, Installation, Message, Offer, StretchRow
from gateway.store.sql import insert_into
from gateway.sync.jobs import Bench
from gateway.wiring import Parts, build
from tests.rig import Echo

PLAIN = "acme-plain"
START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)  # a Monday
CUSTOMER = Actor(kind="customer", id="v1", name="Vera Visitor")


class _NoReceiver:
    """Facts of this channel are applied directly."""

    def verify(self, headers: Any, body: bytes) -> NoReturn:
        raise NotImplementedError

    read_envelope = translate = verify


def _no_sender() -> NoReturn:
    raise AssertionError("a channel whose delivery is our own commit was asked to push")


def plain_channel(**more: Any) -> Channel:
    """A channel without assignees or notes of its own; saying something is our own commit."""
    pushes: frozenset[CommandKind] = frozenset()
    return Channel(
        name=PLAIN, agent="support",
        policy=more.pop("policy", Policy(native_assignment=False)),
        pushes=pushes, ai=Assignee(kind="ai"), hand_over_to=NOBODY, kind="plain",
        receiver=_NoReceiver(), open_sender=_no_sender, judge=lambda *_: (),
        signed_in="X-Plain", private=True, installation="plain", remote=False, **more,
    )  # fmt: skip


class Desk:
    """The gateway under test, with hands for customers and operators."""

    def __init__(
        self,
        url: str,
        data_dir: Path,
        *,
        channel: dict[str, Any],
        workspace: Workspace,
        smtp: SmtpSettings | None,
        **rules: Any,
    ) -> None:
        self.clock = MovableClock(START)
        self.agent = Echo()
        settings = Settings(
            agents={
                "support": HttpAgentSettings(
                    name="support", url="http://127.0.0.1:1/turn", secret="whsec_c2VjcmV0c2VjcmV0",
                    debounce_s=0.0,
                )
            },
            channels={
                "acme-intercom": IntercomSettings(
                    name="acme-intercom", agent="support", access_token="t", client_secret=("s",),
                    bot_admin_id="814860", reconcile_every_s=0.0,
                )
            },
            database_url=url, secret_key="test", data_dir=data_dir, workspace=workspace, smtp=smtp,
        )  # fmt: skip
        parts = build(settings, clock=self.clock)
        plain = plain_channel(**channel)
        agents = {
            name: Agent(
                **{
                    **{f: getattr(one, f) for f in one.__dataclass_fields__ if f != "asks"},
                    **rules,
                },
                asks=self.agent,
            )
            for name, one in parts.agents.items()
        }
        availability = Availability(workspace.zone, workspace.week, agents)
        self.parts: Parts = replace(
            parts,
            agents=agents,
            availability=availability,
            reception=Receptions(availability, workspace.zone, workspace.week),
            channels={PLAIN: plain},
            terms={PLAIN: Terms(channel=plain, agent=agents["support"])},
        )
        self.database = self.parts.database
        self.bench = Bench(self.parts, threading.Event())
        self._numbers = itertools.count(1)
        self.installation_id = self.database.write(self._install)
        self.people: dict[str, Caller] = {}

    def _install(self, db: Transaction) -> str:
        known = db.scalar(select(Installation.id).where(Installation.channel == PLAIN))
        if known is None:
            known = new_id("ins")
            db.execute(
                insert_into(db, Installation).values(
                    id=known, channel=PLAIN, slot="", external_id="plain", created_at=self.now
                )
            )
        return known

    # -- people ------------------------------------------------------------------------------------

    def operator(self, name: str, role: Any = "operator") -> Caller:
        email = f"{name.lower()}@acme.test"
        added = self.database.write(
            lambda db: operators.add(db, email=email, name=name, role=role, now=self.now)
        )
        self.people[name] = Caller(id=added.id, name=name, role=role)
        return self.people[name]

    # -- moving things -----------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return to_micros(self.clock.now())

    @property
    def terms(self) -> Terms:
        return self.parts.terms[PLAIN]

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def happen(self, conversation: str, *facts: Fact) -> record.Outcome:
        def apply(db: Transaction) -> record.Outcome:
            named = Named(self.installation_id, conversation, PLAIN)
            held = open_conversation(db, named, self.now)
            return record.apply(db, self.terms, held, facts, now=self.now, source="delivery")

        return self.database.write(apply)

    def says(self, text: str, conversation: str = "c1", via: Any = "chat") -> str:
        """The customer says something; the id of the session in which it is."""
        self.advance(0.001)
        id = f"w{next(self._numbers)}"
        at = Position(self.now)
        self.happen(
            conversation,
            MessageReceived(
                conversation=conversation, id=id, at=at, author=CUSTOMER, text=text, via=via
            ),
        )
        with self.database.read() as db:
            found = select(Message.session_id).where(Message.external_id == id)
            return str(db.scalars(found).one())

    def act(self, door: Any, session_id: str, *args: Any, **more: Any) -> Any:
        """Knock at one of the doors; raises what it refuses with."""
        self.advance(0.001)
        return self.database.write(
            lambda db: door(db, self.terms, session_id, *args, now=self.now, **more)
        )

    def hand_over(self, session_id: str, caller: Caller, reason: str = "", **more: Any) -> Any:
        more.setdefault("reception", self.parts.reception)
        return self.act(doors.hand_over, session_id, caller, reason=reason, link="", **more)

    def work(self, *kinds: str) -> None:
        """Do what is due of `kinds` (default: all that can be here) until nothing is."""
        for _ in range(50):
            busy = False
            for kind in kinds or ("turns", "deadlines"):
                work = self.bench.works[kind]
                for key in work.due(50):
                    busy = True
                    work.do(key)
            if not busy:
                return
        raise AssertionError("the work never ends")

    # -- looking -----------------------------------------------------------------------------------

    def session(self, session_id: str) -> Any:
        return self._one(select(*ChatSession.__table__.columns).where(ChatSession.id == session_id))

    def _one(self, query: Any) -> Any:
        with self.database.read() as db:
            return db.execute(query).one()

    def all(self, query: Any) -> list[Any]:
        with self.database.read() as db:
            return list(db.execute(query).all())

    def history(self, session_id: str) -> list[tuple[str, str, str]]:
        """Kind, author and words (of a marker: its kind) of each line, in order."""
        rows = self.all(
            select(Message.kind, Message.author_kind, Message.text, Message.data)
            .where(Message.session_id == session_id)
            .order_by(Message.at, Message.number, Message.step, Message.id)
        )
        return [
            (row.kind, row.author_kind, row.data["kind"] if row.data else row.text) for row in rows
        ]

    def words(self, session_id: str) -> list[str]:
        """What the customer sees."""
        return [text for kind, _, text in self.history(session_id) if kind == "message"]

    def markers(self, session_id: str) -> list[str]:
        return [text for kind, _, text in self.history(session_id) if kind == "marker"]

    def drafts(self, session_id: str) -> list[Any]:
        return self.all(
            select(Draft.message_id, Draft.state, Draft.sent_as, Draft.ended_by, Message.text)
            .join(Message, Message.id == Draft.message_id)
            .where(Draft.session_id == session_id)
            .order_by(Draft.created_at)
        )

    def stretches(self, session_id: str) -> list[Any]:
        return self.all(
            select(*StretchRow.__table__.columns)
            .where(StretchRow.session_id == session_id)
            .order_by(StretchRow.number)
        )

    def offers(self, session_id: str) -> list[Any]:
        return self.all(
            select(*Offer.__table__.columns)
            .where(Offer.session_id == session_id)
            .order_by(Offer.id)
        )


@contextmanager
def desk(
    url: str,
    data_dir: Path,
    *,
    channel: Any = None,
    workspace: Workspace | None = None,
    smtp: SmtpSettings | None = None,
    **rules: Any,
) -> Iterator[Desk]:
    made = Desk(
        url, data_dir, channel=channel or {}, workspace=workspace or Workspace(), smtp=smtp, **rules
    )
    try:
        yield made
    finally:
        made.database.dispose()
