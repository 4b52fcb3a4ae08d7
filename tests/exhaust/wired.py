"""The gateway as a process would wire it, with what stops whoever acts before each step.

Its code, its SQLite and its HTTP client are the real ones. The database lies in memory, so that a
fork of this process has a copy of it; names are counted and not drawn.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import event

from gateway.agents.base import Agent
from gateway.channels.base import Sender
from gateway.clock import Clock
from gateway.config import HttpAgentSettings, IntercomSettings, Settings
from gateway.conversations import claims
from gateway.events import Answer, Turn
from gateway.store import Database, ids
from gateway.wiring import Parts, build
from intercom_standin.cast import BOT_ADMIN_ID
from intercom_standin.server import StandIn
from tests.exhaust.actors import stop
from tests.exhaust.network import Network

CHANNEL, BOT = "acme-intercom", str(BOT_ADMIN_ID)
LETS_GO = "let a claim go"
REPEATS = "nobody said that it was committed"


class Answering:
    """An AI agent that says which words it answers."""

    def __init__(self, parts: int) -> None:
        self._parts = parts

    def ask(self, turn: Turn) -> Answer:
        """Answer at once: how long it thinks is when its asker takes the next step."""
        said = [message for message in turn.messages if message.author.kind == "customer"]
        about = " ".join(one.text for one in said if one.new) or said[-1].text
        return Answer(messages=[f"About {about}, {n}" for n in range(self._parts)])

    def read_reply(self, headers: dict[str, str], body: bytes) -> Answer:
        raise NotImplementedError


class Edge:
    """The real sender; whoever calls it is stopped before."""

    def __init__(self, sender: Sender, network: Network) -> None:
        self._sender = sender
        self._network = network

    def push(self, command: Any, *, deadline: float) -> Any:
        me = stop(f"push {type(command).__name__}")
        if me is not None:
            self._network.fault, me.fault = me.fault, None
        return self._sender.push(command, deadline=deadline)

    def read(self, conversation: str, *, deadline: float, background: bool = False) -> Any:
        stop("read the conversation")
        return self._sender.read(conversation, deadline=deadline, background=background)

    def changes(self, since: int, until: int, cursor: str | None) -> Any:
        stop("list the changes")
        return self._sender.changes(since, until, cursor)

    def skew_s(self) -> float | None:
        return self._sender.skew_s()


def count_names() -> None:
    """Number what would be named by chance."""
    counter = itertools.count(1)
    ids._named = lambda prefix, _number: f"{prefix}_{next(counter):026d}"

    class Counted:
        @staticmethod
        def token_hex(_: int) -> str:
            return f"tok_{next(counter):026d}"

    claims.secrets = Counted  # type: ignore[assignment]


def wired(standin: StandIn, clock: Clock, network: Network, folder: Path, words: int) -> Parts:
    """Everything that a process has, beside a channel that is reached by this network.

    The agent answers with so many messages.
    """
    settings = Settings(
        agents={
            "support": HttpAgentSettings(
                name="support", url="http://127.0.0.1:1/turn", secret="whsec_c2VjcmV0c2VjcmV0",
                debounce_s=0.0,
            )
        },
        channels={
            CHANNEL: IntercomSettings(
                name=CHANNEL, agent="support", access_token=standin.token,
                client_secret=(standin.client_secret,), bot_admin_id=BOT,
                base_url="http://127.0.0.1:1", reconcile_every_s=0.0,
            )
        },
        database_url=f"sqlite:///{folder / 'gateway.db'}", secret_key="test", data_dir=folder,
    )  # fmt: skip
    parts = build(settings, clock=clock)
    agents = {
        name: Agent(
            **{f: getattr(agent, f) for f in agent.__dataclass_fields__ if f != "asks"},
            asks=Answering(words),
        )
        for name, agent in parts.agents.items()
    }
    sender = parts.channels[CHANNEL].open_sender()
    sender._port._calls._transport._pool._network_backend._sockets = network  # type: ignore[attr-defined]
    edge = Edge(sender, network)
    channel = replace(parts.channels[CHANNEL], open_sender=lambda: edge)
    return replace(parts, agents=agents, channels={CHANNEL: channel})


def in_memory(database: Database, template: Path, folder: Path) -> sqlite3.Connection:
    """Let every connection lead to one database in memory, filled from a file; return one more."""
    name = f"file:/exhaust{id(database)}?vfs=memdb"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(name, uri=True, check_same_thread=False, timeout=1)

    connection = connect()  # and it lives for as long as anybody is connected
    copy = folder / "copy.db"
    with closing(sqlite3.connect(template)) as source, closing(sqlite3.connect(copy)) as plain:
        source.backup(plain)
        plain.execute("PRAGMA journal_mode=DELETE")  # memory has no write-ahead log
        plain.backup(connection)
    event.listen(database.engine, "do_connect", lambda *_: connect())
    return connection


def stop_before_transactions(database: Any) -> None:
    """Whoever acts is stopped before each."""
    write, read = database.write, database.read

    def stopping_write(work: Any) -> Any:
        me = stop(LETS_GO if {"claims", "release"} <= set(work.__code__.co_names) else "write")
        if me is not None and me.fault == REPEATS:
            me.fault = None
            write(work)  # and so it is done once more, as `Database.write` does
        return write(work)

    @contextmanager
    def stopping_read() -> Iterator[Any]:
        stop("look into the database")
        with read() as db:
            yield db

    database.write, database.read = stopping_write, stopping_read
