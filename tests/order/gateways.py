"""A gateway that hears and decides but has no workers: nothing goes out, so only the record counts.

No HTTP: bytes are verified, read and received as the one receiver does it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
from sqlalchemy import delete, event, select

from gateway.channels.base import Snapshot
from gateway.channels.intercom.conversation import conversation_to_snapshot
from gateway.clock import MovableClock, to_micros
from gateway.config import HttpAgentSettings, IntercomSettings, Settings
from gateway.conversations import facts as kept
from gateway.conversations import record
from gateway.conversations.record import Source
from gateway.conversations.thread import Named, open_conversation
from gateway.events import Fact
from gateway.inbox import Arrival, Receipt
from gateway.store.models import (
    Base,
    ChatSession,
    Contact,
    ContactIdentity,
    Conversation,
    FactRow,
    Installation,
    Message,
)
from gateway.wiring import Parts, build
from intercom_standin import shapes
from intercom_standin.records import Notification
from intercom_standin.server import StandIn
from tests.rig import BOT, CHANNEL

Ledger = dict[str, Any]


class Gateway:
    """One record, and the ways into it."""

    def __init__(self, url: str, data_dir: Path, clock: MovableClock, **channel: Any) -> None:
        self.clock = clock
        self.ai_teams: Collection[str] = channel.get("ai_teams", ())
        self.parts: Parts = build(_settings(url, data_dir, channel), clock=clock)
        self.channel = self.parts.channels[CHANNEL]
        if self.parts.database.is_sqlite:
            event.listen(self.parts.database.engine, "connect", _never_wait_for_the_disk)
        standin = StandIn()
        ping = Notification(id=None, topic="ping", created_at=0, item={"type": "ping"})
        self.hear(*standin.notifier.signed(ping))
        self._installation_id: str = self.rows(select(Installation.id))[0].id

    # -- ways in -----------------------------------------------------------------------------------

    def hear(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Take a signed notification."""
        self.channel.receiver.verify(headers, body)
        envelope = self.channel.receiver.read_envelope(body)
        receipt = self.parts.inbox.receive(self.channel, envelope, body)
        assert receipt.state == "applied", f"{envelope.topic}: {receipt}"

    def hear_together(self, several: Sequence[Told]) -> None:
        """Take signed notifications that came at the same moment: one commit for all of them."""
        arrivals = []
        for told in several:
            self.channel.receiver.verify(told.headers, told.body)
            envelope = self.channel.receiver.read_envelope(told.body)
            events = self.channel.receiver.translate(envelope).events
            arrivals.append(
                Arrival(channel=self.channel, envelope=envelope, body=told.body, events=events)
            )
        for receipt in self.parts.inbox.keep_together(arrivals):
            assert isinstance(receipt, Receipt), receipt
            assert receipt.state == "applied", receipt

    def learn(self, fact: Fact, source: Source) -> None:
        """Take a fact that no notification tells: an act at our doors, or a receipt."""

        def apply(db: Any) -> None:
            named = Named(self._installation_id, fact.conversation, CHANNEL)
            held = open_conversation(db, named, self.now)
            terms = self.parts.terms[CHANNEL]
            record.apply(db, terms, held, [fact], now=self.now, source=source)

        self.parts.database.write(apply)

    def observe(self, snapshot: Snapshot) -> None:
        """Take what reading a conversation showed."""

        def apply(db: Any) -> None:
            named = Named(self._installation_id, snapshot.conversation, CHANNEL)
            held = open_conversation(db, named, self.now)
            self.parts.inbox.observe(db, held, snapshot)

        self.parts.database.write(apply)

    def act(self, door: Any, session_id: str, *args: Any, **more: Any) -> Any:
        """Knock at one of the doors; raises what it refuses with."""
        terms = self.parts.terms[CHANNEL]
        return self.parts.database.write(
            lambda db: door(db, terms, session_id, *args, now=self.now, **more)
        )

    # -- looking -----------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return to_micros(self.clock.now())

    def rows(self, query: Any) -> list[Any]:
        with self.parts.database.read() as db:
            return list(db.execute(query).all())

    def acts(self) -> list[Fact]:
        """What was decided at our doors so far."""
        held = self.rows(
            select(FactRow.conversation_id).where(FactRow.external_id.startswith("act_")).distinct()
        )
        with self.parts.database.read() as db:
            found = [fact for row in held for fact in kept.load(db, row[0])]
        return [fact for fact in found if fact.id.startswith("act_")]

    def ledger(self) -> Ledger:
        """The whole record but what is ours alone: ids, times of arrival, words on their way."""
        tables = {
            "facts": select(
                Conversation.external_id.label("conversation"), FactRow.kind, FactRow.external_id,
                FactRow.at, FactRow.number, FactRow.step, FactRow.data,
            )
            .join(Conversation, Conversation.id == FactRow.conversation_id)
            .where(FactRow.kind != "seen")  # those that cannot act are not kept, as they come
            .order_by(Conversation.external_id, FactRow.at, FactRow.number, FactRow.step,
                      FactRow.external_id, FactRow.kind),
            "history": select(
                Conversation.external_id.label("conversation"), ChatSession.opened_by,
                Message.kind, Message.external_id, Message.author_kind, Message.author_id,
                Message.author_name, Message.text, Message.attachments, Message.data,
                Message.state, Message.redacted, Message.at, Message.number, Message.step,
            )
            .join(Conversation, Conversation.id == Message.conversation_id)
            .outerjoin(ChatSession, ChatSession.id == Message.session_id)
            .where(Message.external_id.is_not(None))  # words of ours on their way are no fact yet
            .order_by(Conversation.external_id, Message.at, Message.number, Message.step,
                      Message.external_id),
            "sessions": select(
                Conversation.external_id.label("conversation"), ChatSession.opened_by,
                ChatSession.opened_at, ChatSession.opened_number, ChatSession.opened_step,
                ChatSession.status, ChatSession.mode, ChatSession.responsible_kind,
                ChatSession.responsible_id, ChatSession.responsible_name,
                ChatSession.responsible_team, ChatSession.waiting_since, ChatSession.finished_at,
                ChatSession.handover, ChatSession.last_message_at, ChatSession.message_count,
            )
            .join(Conversation, Conversation.id == ChatSession.conversation_id)
            .order_by(Conversation.external_id, ChatSession.opened_at, ChatSession.opened_number,
                      ChatSession.opened_step),
            "threads": select(Conversation.external_id, Conversation.thread)
            .order_by(Conversation.external_id),
        }  # fmt: skip
        ledger: Ledger = {
            name: [dict(row._mapping) for row in self.rows(query)] for name, query in tables.items()
        }
        for row in ledger["threads"]:
            row["thread"] = msgspec.json.decode(row["thread"])
            row["thread"].pop("newest", None)  # how far it has heard, not what it knows
        return {**ledger, "contacts": self._contacts()}

    def _contacts(self) -> list[Any]:
        """Who is known under which ids, with which details, and whose conversations are whose."""
        known: dict[str, dict[str, Any]] = {}
        stands: dict[str, str] = {}
        for row in self.rows(select(Contact.__table__)):
            stands[row.id] = row.joined_into or row.id
            known.setdefault(stands[row.id], {"ids": [], "conversations": []}).update(
                name=row.name, email=row.email, phone=row.phone, external_id=row.external_id,
                level=row.level,
            )  # fmt: skip
        for row in self.rows(select(ContactIdentity.__table__)):
            known[stands[row.contact_id]]["ids"].append((row.external_id, row.deleted))
        for row in self.rows(select(Conversation.external_id, Conversation.contact_id)):
            if row.contact_id:
                known[stands[row.contact_id]]["conversations"].append(row.external_id)
        for one in known.values():
            one["ids"].sort()
            one["conversations"].sort()
        return sorted(known.values(), key=lambda one: str(one["ids"]))

    # -- keeping house -----------------------------------------------------------------------------

    def forget(self) -> None:
        """Empty the record."""

        def empty(db: Any) -> None:
            for table in reversed(Base.metadata.sorted_tables):
                if table.name != "installations":
                    db.execute(delete(table))

        self.parts.database.write(empty)

    def close(self) -> None:
        self.parts.database.dispose()


# -- what comes in ---------------------------------------------------------------------------------


class Item(Protocol):
    """One thing that a gateway comes to know."""

    def reach(self, gateway: Gateway) -> None: ...


@dataclass(frozen=True)
class Told:
    """A signed notification, its bytes fixed when it happened."""

    topic: str
    body: bytes
    headers: Mapping[str, str]

    def reach(self, gateway: Gateway) -> None:
        gateway.hear(self.body, self.headers)

    def __repr__(self) -> str:
        return f"Told({self.topic})"


@dataclass(frozen=True)
class Learnt:
    """An act at our doors, or a receipt for what was sent."""

    fact: Fact
    source: Source

    def reach(self, gateway: Gateway) -> None:
        gateway.learn(self.fact, self.source)


@dataclass(frozen=True)
class Observed:
    """A conversation that was read."""

    snapshot: Snapshot

    def reach(self, gateway: Gateway) -> None:
        gateway.observe(self.snapshot)


def told(standin: StandIn, notification: Notification) -> Told:
    body, headers = standin.notifier.signed(notification)
    return Told(notification.topic, body, headers)


def reach_in_groups(items: Sequence[Item], gateway: Gateway, most: int) -> None:
    """Let a gateway know of items in their order, of notifications so many at once."""
    group: list[Told] = []
    for item in items:
        if not isinstance(item, Told) or len(group) == most:
            gateway.hear_together(group)
            group = []
        if isinstance(item, Told):
            group.append(item)
        else:
            item.reach(gateway)
    gateway.hear_together(group)


def read(standin: StandIn, conversation_id: str, ai_teams: Collection[str] = ()) -> Observed:
    """Read a conversation as REST would show it now."""
    world = standin.world
    item = shapes.rest_conversation(
        world.snapshot(conversation_id), version=world.version, unassigned=world.rest_unassigned
    )
    return Observed(conversation_to_snapshot(item, bot=BOT, ai_teams=ai_teams))


@contextmanager
def gateways(
    urls: list[str], data_dir: Path, clock: MovableClock, **channel: Any
) -> Iterator[list[Gateway]]:
    made = [Gateway(url, data_dir, clock, **channel) for url in urls]
    try:
        yield made
    finally:
        for gateway in made:
            gateway.close()


def _settings(url: str, data_dir: Path, channel: dict[str, Any]) -> Settings:
    return Settings(
        agents={
            "support": HttpAgentSettings(
                name="support", url="http://127.0.0.1:1/turn", secret="whsec_c2VjcmV0c2VjcmV0"
            )
        },
        channels={
            CHANNEL: IntercomSettings(
                name=CHANNEL, agent="support", access_token="none",
                client_secret=(StandIn().client_secret,), bot_admin_id=BOT,
                base_url="http://127.0.0.1:1", **channel,
            )
        },
        database_url=url, secret_key="test", data_dir=data_dir,
    )  # fmt: skip


def _never_wait_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")
