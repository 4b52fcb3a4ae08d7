"""A whole gateway and its channel in one process without a thread, and what can happen next in it.

The gateway's code, its SQLite, its HTTP client and the stand-in's HTTP application are the real
ones. Not real are the sockets between them (`network.py`), the disk (the database lies in memory,
so that a fork of this process has a copy), the clock, and chance: names are counted.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from werkzeug.test import EnvironBuilder, run_wsgi_app

from gateway.app import create_app
from gateway.clock import MovableClock, to_micros
from gateway.inbox import pinned
from gateway.reconciling import passes
from gateway.sync.jobs import Bench
from gateway.watch.answers import AnswerCounter
from intercom_standin.cast import AOIFE_ID
from intercom_standin.records import Notification
from intercom_standin.server import StandIn
from tests.exhaust.actors import Actor
from tests.exhaust.fingerprint import as_told, columns, fingerprint, know
from tests.exhaust.network import AFTER, BEFORE, Network
from tests.exhaust.scope import Scope, Touch
from tests.exhaust.wired import (
    BOT,
    CHANNEL,
    LETS_GO,
    REPEATS,
    count_names,
    in_memory,
    stop_before_transactions,
    wired,
)

KINDS = ("turns", "deliver", "sync")
START = datetime(2026, 11, 22, 16, 8, tzinfo=UTC)
TOPICS = ("conversation.user.created", "conversation.user.replied", "conversation.admin.replied",
          "conversation.admin.assigned")  # fmt: skip
SLOW_S = 25.0
"""How long somebody is frozen: longer than a lane is leased, shorter than what is tolerated."""

_NEXT_DUE = """
SELECT min(at) FROM (
  SELECT due_at AS at FROM pushes WHERE state IN ('owed', 'sending', 'unknown')
  UNION ALL SELECT due_at FROM turns WHERE state IN ('due', 'asking', 'waiting')
  UNION ALL SELECT read_due FROM conversations WHERE read_due IS NOT NULL
  UNION ALL SELECT due_at FROM doubts
  UNION ALL SELECT due_at FROM reconciliations WHERE ended_at IS NULL
  UNION ALL SELECT until FROM claims
) WHERE at > ?
"""

# Without such a row nothing of a kind is due: asked first, since the true question takes long.
_OPEN = {
    "turns": "SELECT EXISTS (SELECT 1 FROM turns WHERE state IN ('due', 'asking', 'waiting'))",
    "deliver": "SELECT EXISTS (SELECT 1 FROM pushes WHERE state IN ('owed', 'sending', 'unknown'))",
    "sync": """
SELECT EXISTS (SELECT 1 FROM conversations WHERE read_due IS NOT NULL)
  OR EXISTS (SELECT 1 FROM reconciliations WHERE ended_at IS NULL)
  OR EXISTS (SELECT 1 FROM doubts) OR EXISTS (SELECT 1 FROM contact_pushes)
  OR EXISTS (SELECT 1 FROM contact_identities WHERE look_due IS NOT NULL)
  OR EXISTS (SELECT 1 FROM backfills) OR EXISTS (SELECT 1 FROM past_conversations)
""",
}


class Scene:
    """Everything that is there, at one moment of one run."""

    def __init__(self, template: Path, folder: Path, scope: Scope, *, whole: bool = False) -> None:
        """`template` is a migrated SQLite file; `whole`: states differ in all that differs."""
        self.scope = scope
        self.whole = whole
        self.clock = MovableClock(START)
        self.standin = StandIn(
            mode="manual", clock=lambda: self.clock.now().timestamp(), topics=TOPICS,
            rate_limit=1_000_000,
        )  # fmt: skip
        self.standin.world.api_reply_assigns = False
        self.network = Network(self.standin.app)
        count_names()
        self.parts = wired(self.standin, self.clock, self.network, folder, scope.parts)
        self.sql = in_memory(self.parts.database, template, folder)
        self._looks = columns(self.sql, whole=whole)
        know(self.parts)
        self.benches = {kind: self._new_bench() for kind in KINDS}
        self._app = create_app(self.parts, AnswerCounter(self.parts.database, every_s=0))
        stop_before_transactions(self.parts.database)
        self.left = list(scope.events)
        self.troubles = scope.troubles
        self.pending: list[Notification] = []
        self.actors: dict[str, Actor] = {}
        self._graves: list[Actor] = []
        # What was looked up, until it changes.
        self._told: dict[str, str] | None = None
        self._due: dict[str, int] = {}
        started = self.standin.world.customer_starts("m1", name="Cleo")
        self.conversation = started.conversation_id
        self._gather()

    # -- what can happen ---------------------------------------------------------------------------

    def actions(self) -> list[str]:
        """Everything that can happen next, troubles last; nothing at a run's end.

        In an order that says nothing of how this state was come to: places in it are remembered.
        Where nobody can be killed any more, whoever lets a claim go does so at once: who else would
        want it, is not there before (there is one worker of a kind).
        """
        if not self.whole and not self.troubles:
            for name, actor in sorted(self.actors.items()):
                if actor.at == LETS_GO:
                    return [f"go {name}"]
        found = [f"hear {self._name(one)}" for one in self.pending]
        found += [f"go {name}" for name in sorted(self.actors)]
        found += [f"event {name}" for name in self._events()]
        starts = list(self._starts())
        found += starts
        if not self.actors and not starts and self._next_due() is not None:
            found.append("wait")
        if self.troubles:
            found += self._trouble()
        return found

    def take(self, action: str) -> None:
        """Let it happen."""
        verb, _, rest = action.partition(" ")
        changes = self.touches(action).changes
        getattr(self, f"_{verb}")(rest)
        self._gather()
        if changes & {"tables", "claims"}:
            before, self._told = self._told, None
            if "claims" in changes and before is not None:
                assert all(before[name] == now for name, now in self.tables().items()
                           if name != "claims"), "it did more than to let a claim go"  # fmt: skip
        if changes & {"tables", "claims", "clock"}:
            self._due.clear()
        for name, actor in list(self.actors.items()):
            if actor.at is None:
                del self.actors[name]
                if actor.error is not None:
                    raise actor.error

    def touches(self, action: str) -> Touch:
        """What an action reads and what it changes: actions that share nothing commute.

        Two that commute lead to the same state in either order, and neither forbids the other.
        """
        verb, _, rest = action.partition(" ")
        match verb:
            case "hear":
                return Touch.of("clock", changes=("tables", rest))
            case "again":
                return Touch.of("clock", changes=("tables", rest, "troubles"))
            case "lose":
                return Touch.of(changes=(rest, "troubles"))
            case "kill":
                return Touch.of(changes=(rest, "troubles"))
            case "freeze":
                return Touch.of(changes=("clock", "troubles"))
            case "wait":
                return Touch.of(changes=("clock",))
            case "event" if rest == "reconcile":
                return Touch.of("clock", changes=("tables", "events"))
            case "event":
                # "verdict": the check at a begin asks which of these has happened.
                return Touch.of("clock", changes=("channel", "events", "verdict"))
            case "start":
                kind = rest.partition(" ")[0]
                if self.scope.stale:
                    return Touch.of("clock", "tables", changes=(kind,))
                return Touch.of("clock", "verdict", changes=("tables", kind))
            case "repeat":
                return Touch.of("clock", "verdict", changes=("tables", rest, "troubles"))
            case "drop":
                return Touch.of("clock", changes=("channel", rest.partition(": ")[2], "troubles"))
        at = self.actors[rest].at or ""
        if at.startswith("push"):
            return Touch.of("clock", changes=("channel", rest))
        if at == LETS_GO:
            return Touch.of(changes=("claims", rest))
        if at == "write":
            return Touch.of("clock", "verdict", changes=("tables", rest))
        read = "tables" if at == "look into the database" else "channel"
        return Touch.of("clock", read, changes=(rest,))

    def tables(self) -> dict[str, str]:
        """What counts of the tables, as text."""
        if self._told is None:
            self._told = {
                name: as_told(name, self.sql.execute(query)) for name, query in self._looks.items()
            }
        return self._told

    def fingerprint(self) -> bytes:
        """A name for this state, but for how many troubles are left: see fingerprint.py."""
        talk = self.standin.world.conversations[self.conversation]
        parts = [(p.id, p.part_type, p.body, p.author.id, p.created_at) for p in talk.parts]
        pending = [(one.topic, one.part_id, one.attempt, one.item) for one in self.pending]
        others = (
            self.clock.now(), talk.state, talk.holding, talk.updated_at, parts, pending,
            self.left, self.ghosts(),
        )  # fmt: skip
        actors = [self.actors[name] for name in sorted(self.actors)]
        return fingerprint(self.tables(), actors, others, whole=self.whole)

    # What the checks remember, set by them (`promises.py`).
    ghosts: Callable[[], object] = staticmethod(lambda: None)

    def _events(self) -> Iterator[str]:
        for name in self.left:
            if name != "hand_back" or "takeover" not in self.left:
                yield name

    def _starts(self) -> Iterator[str]:
        for kind in KINDS:
            if kind not in self.actors:
                if kind not in self._due:
                    is_open = self.sql.execute(_OPEN[kind]).fetchone()[0]
                    due = self.benches[kind].works[kind].due
                    self._due[kind] = len(due(10)) if is_open else 0
                yield from (f"start {kind} {place}" for place in range(self._due[kind]))

    def _trouble(self) -> Iterator[str]:
        kinds = self.scope.kinds
        for name, actor in sorted(self.actors.items()):
            if "kill" in kinds:
                yield f"kill {name}"
            if "drop" in kinds and actor.at and actor.at.startswith("push"):
                yield f"drop {BEFORE}: {name}"
                yield f"drop {AFTER}: {name}"
            if "repeat" in kinds and actor.at == "write":
                yield f"repeat {name}"
        if "freeze" in kinds and self.actors:
            yield "freeze"
        for one in self.pending:
            if "lose" in kinds:
                yield f"lose {self._name(one)}"
            if "again" in kinds:
                yield f"again {self._name(one)}"

    # -- steps -------------------------------------------------------------------------------------

    def _go(self, name: str) -> None:
        self.actors[name].go()

    def _start(self, what: str) -> None:
        kind, _, place = what.partition(" ")
        work = self.benches[kind].works[kind]
        key = work.due(10)[int(place)]
        actor = self.actors[kind] = Actor(kind, lambda: work.do(key))
        actor.go()  # to before its first step
        if not self.scope.stale:
            actor.go()

    def _hear(self, name: str) -> None:
        assert self._post(self._pending(name, keep=False)) == 200

    def _event(self, name: str) -> None:
        self.left.remove(name)
        world, cid = self.standin.world, self.conversation
        match name:
            case "second":
                world.customer_replies(cid, "m2")
            case "takeover":
                world.assign(cid, AOIFE_ID, by=AOIFE_ID)
            case "hand_back":
                world.assign(cid, BOT, by=AOIFE_ID)
            case "reconcile":
                self.reconcile()
            case _:
                raise ValueError(name)

    def _wait(self, _: str) -> None:
        due = self._next_due()
        assert due is not None
        self.clock.advance((due - self._now()) / 1e6)
        while self._now() < due:  # a float's last digit
            self.clock.advance(1e-6)

    def _kill(self, name: str) -> None:
        self.troubles -= 1
        actor = self.actors.pop(name)
        actor.dead = True
        self._graves.append(actor)
        self.benches[name] = self._new_bench()  # the process is another one now

    def _drop(self, what: str) -> None:
        self.troubles -= 1
        fault, _, name = what.partition(": ")
        self.actors[name].fault = fault
        self.actors[name].go()

    def _repeat(self, name: str) -> None:
        """The connection is lost after a commit and before anybody knows of it."""
        self.troubles -= 1
        self.actors[name].fault = REPEATS
        self.actors[name].go()

    def _freeze(self, _: str) -> None:
        self.troubles -= 1
        self.clock.advance(SLOW_S)

    def _lose(self, name: str) -> None:
        """The web process dies before the commit, twice: the channel forgets it."""
        self.troubles -= 1
        self._pending(name, keep=False)

    def _again(self, name: str) -> None:
        """The web process dies after the commit and before its answer: it will come again."""
        self.troubles -= 1
        one = self._pending(name, keep=True)
        self._post(one)
        self.pending[self.pending.index(one)] = replace(one, attempt=one.attempt + 1)

    # -- hands -------------------------------------------------------------------------------------

    def reconcile(self) -> None:
        """Begin a pass."""

        def begin(db: Any) -> None:
            home = pinned(db, self.parts.channels[CHANNEL])
            if home is not None:
                passes.begin(db, home, asked_by="command", now=self._now())

        self.parts.database.write(begin)

    def rehearse(self, chance: random.Random) -> None:
        """Play one run, so that all is imported, compiled and cached before this process forks."""
        while actions := self.actions():
            self.take(chance.choice(actions))
            self.fingerprint()
        self.close()
        self.parts.database.dispose()

    def close(self) -> None:
        """Let all come to rest, each piece of work done at once, and then look at every change."""
        self._rest()
        self.clock.advance(passes.MIN_AGE_S + 5)
        self.reconcile()
        self._rest()

    def _rest(self) -> None:
        for _ in range(500):
            for one in list(self.pending):
                self._hear(self._name(one))
            busy = False
            for kind in KINDS:
                work = self.benches[kind].works[kind]
                for key in work.due(10):
                    busy = True
                    work.do(key)
                self._gather()
            if not busy and not self.pending:
                if self._next_due() is None:
                    return
                self._wait("")
        raise AssertionError("it never comes to rest")

    def _post(self, one: Notification) -> int:
        body, headers = self.standin.notifier.signed(one)
        builder = EnvironBuilder(
            path=f"/webhooks/{CHANNEL}", method="POST", data=body, headers=headers
        )
        _, status, _ = run_wsgi_app(self._app, builder.get_environ(), buffered=True)
        return int(status.split()[0])

    def _pending(self, name: str, *, keep: bool) -> Notification:
        one = next(one for one in self.pending if self._name(one) == name)
        if not keep:
            self.pending.remove(one)
        return one

    def _name(self, one: Notification) -> str:
        return f"{one.topic}:{one.part_id or 'first'}"

    def _gather(self) -> None:
        self.pending += self.standin.notifier.take()
        self.pending.sort(key=self._name)

    def _next_due(self) -> int | None:
        (due,) = self.sql.execute(_NEXT_DUE, (self._now(),)).fetchone()
        return None if due is None else int(due)

    def _new_bench(self) -> Bench:
        return Bench(self.parts, threading.Event())

    def _now(self) -> int:
        return to_micros(self.clock.now())
