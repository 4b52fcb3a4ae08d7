"""The gateway's receiver in this process: what it asks of the database, and where its time goes."""

from __future__ import annotations

import cProfile
import io
import os
import pstats
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any

from sqlalchemy import Engine, event

from bench.figures import table
from bench.servers import Ground
from bench.traffic import Posted
from gateway import wiring
from gateway.app import create_app
from gateway.channels.base import Channel, Envelope, Receiver
from gateway.config import load_settings
from gateway.events import Delivery
from gateway.inbox import Arrival, Inbox, Receipt
from gateway.store import Transaction
from gateway.wiring import Parts

_TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK")
# How prepared statements go to the driver, past SQLAlchemy and its events.
_DIRECT_WAYS = ("send", "write")


@dataclass(slots=True)
class Counts:
    """What was asked of the database."""

    deliveries: int = 0
    statements: int = 0
    commits: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    # Per topic: deliveries and statements.
    by_topic: dict[str, list[int]] = field(default_factory=dict)

    @property
    def per_delivery(self) -> float:
        """Statements per delivery, without BEGIN and COMMIT."""
        return self.statements / self.deliveries

    @property
    def commits_per_delivery(self) -> float:
        """Commits per delivery."""
        return self.commits / self.deliveries


class Clockwork:
    """Adds up what is spent on each phase."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def timing(self, phase: str) -> Iterator[None]:
        """Count the block's time for a phase."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] += time.perf_counter() - began

    def timed(self, phase: str, act: Callable[..., Any]) -> Callable[..., Any]:
        """Return `act`, its time counted."""

        def run(*args: Any, **more: Any) -> Any:
            began = time.perf_counter()
            try:
                return act(*args, **more)
            finally:
                self.seconds[phase] += time.perf_counter() - began

        return run


class _TimedReceiver:
    """A channel's receiver, timed."""

    def __init__(self, inner: Receiver, clockwork: Clockwork) -> None:
        self._inner = inner
        self._clockwork = clockwork

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        with self._clockwork.timing("verify"):
            self._inner.verify(headers, body)

    def read_envelope(self, body: bytes) -> Envelope:
        with self._clockwork.timing("envelope"):
            return self._inner.read_envelope(body)

    def translate(self, envelope: Envelope) -> Delivery:
        with self._clockwork.timing("translate"):
            return self._inner.translate(envelope)


class InProcess:
    """The whole application, called as a WSGI server calls it, without one."""

    def __init__(self, ground: Ground, clockwork: Clockwork | None = None) -> None:
        parts = wiring.build(load_settings(ground.environment()))
        self.parts = _timed(parts, clockwork) if clockwork else parts
        self.engine: Engine = self.parts.database.engine
        self._app = create_app(self.parts)

    def post(self, posted: Posted) -> None:
        """Deliver one notification; raise AssertionError unless it is answered 200."""
        head, _, body = posted.request.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": lines[0].split(" ")[1], "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": headers["Content-Length"], "CONTENT_TYPE": headers["Content-Type"],
            "HTTP_HOST": headers["Host"], "HTTP_USER_AGENT": headers["User-Agent"],
            "HTTP_ACCEPT": headers["Accept"], "HTTP_X_HUB_SIGNATURE": headers["X-Hub-Signature"],
            "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(), "wsgi.multithread": True, "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }  # fmt: skip
        statuses: list[str] = []

        def start_response(status: str, *_: object) -> Callable[[bytes], object]:
            statuses.append(status)
            return _no_write

        b"".join(self._app(environ, start_response))
        assert statuses == ["200 OK"], statuses

    def post_together(self, group: Sequence[Posted]) -> None:
        """Deliver notifications as if they had come at the same moment."""
        if len(group) == 1:
            self.post(group[0])
            return
        (channel,) = self.parts.channels.values()
        arrivals = []
        for one in group:
            body = one.request.partition(b"\r\n\r\n")[2]
            envelope = channel.receiver.read_envelope(body)
            events = channel.receiver.translate(envelope).events
            arrivals.append(Arrival(channel=channel, envelope=envelope, body=body, events=events))
        for receipt in self.parts.inbox.keep_together(arrivals):
            assert isinstance(receipt, Receipt), receipt

    def close(self) -> None:
        """Close the pooled connections."""
        self.parts.database.dispose()


def _no_write(data: bytes) -> None:
    raise AssertionError("WSGI's write() is not used")


def _timed(parts: Parts, clockwork: Clockwork) -> Parts:
    channels: dict[str, Channel] = {
        name: replace(channel, receiver=_TimedReceiver(channel.receiver, clockwork))
        for name, channel in parts.channels.items()
    }
    wake = clockwork.timed("wake", parts.waker.wake)
    inbox = Inbox(parts.database, channels, parts.terms, parts.clock, wake, str)
    timed = replace(parts, channels=channels, doors=channels, inbox=inbox)
    database: Any = timed.database
    database.write = clockwork.timed("transaction", database.write)
    dialect: Any = timed.database.engine.dialect
    dialect.do_commit = clockwork.timed("commit", dialect.do_commit)
    began: list[float] = []
    engine = timed.database.engine

    @event.listens_for(engine, "before_cursor_execute")
    def before(*_: Any) -> None:
        began.append(time.perf_counter())

    @event.listens_for(engine, "after_cursor_execute")
    def after(*_: Any) -> None:
        clockwork.seconds["statements"] += time.perf_counter() - began.pop()

    return timed


@contextmanager
def _wrapped(wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Wrap the direct ways to the driver, for the block."""
    direct: Any = Transaction
    ways = {way: getattr(direct, way) for way in _DIRECT_WAYS}
    try:
        for way, act in ways.items():
            setattr(direct, way, wrap(act))
        yield
    finally:
        for way, act in ways.items():
            setattr(direct, way, act)


@contextmanager
def watching(engine: Engine, seen: Callable[[str], None]) -> Iterator[None]:
    """Tell `seen` every statement of the block, whichever way it takes to the driver."""

    def watched(act: Callable[..., Any]) -> Callable[..., Any]:
        def run(db: Transaction, sql: str, parameters: Sequence[Any]) -> Any:
            for _ in parameters:
                seen(sql)
            return act(db, sql, parameters)

        return run

    def long_way(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen(statement)

    event.listen(engine, "before_cursor_execute", long_way)
    try:
        with _wrapped(watched):
            yield
    finally:
        event.remove(engine, "before_cursor_execute", long_way)


def count(
    ground: Ground, deliveries: Sequence[Posted], warm: Sequence[Posted] = (), together: int = 1
) -> Counts:
    """Deliver to a receiver in this process, so many at a time; count statements and commits."""
    counts = Counts()
    gateway = InProcess(ground)
    for one in warm:
        gateway.post(one)

    def statement(sql: str) -> None:
        if sql.split(None, 1)[0].upper() not in _TRANSACTION:
            counts.statements += 1
            counts.by_kind[_kind_of(sql)] += 1

    @event.listens_for(gateway.engine, "commit")
    def commit(_: Any) -> None:
        counts.commits += 1

    try:
        with watching(gateway.engine, statement):
            for start in range(0, len(deliveries), together):
                group = deliveries[start : start + together]
                known = counts.statements
                gateway.post_together(group)
                counts.deliveries += len(group)
                if together == 1:
                    topic = counts.by_topic.setdefault(group[0].topic, [0, 0])
                    topic[0] += 1
                    topic[1] += counts.statements - known
    finally:
        gateway.close()
    return counts


def _kind_of(statement: str) -> str:
    """Return the verb and the first table of a statement."""
    words = statement.replace("(", " ").split()
    verb = words[0].upper()
    before_table = {"SELECT": "FROM", "INSERT": "INTO", "UPDATE": "UPDATE", "DELETE": "FROM"}
    upper = [word.upper() for word in words]
    at = 0
    if verb in before_table:  # the innermost table: the outer one may be that of the parameters
        at = len(upper) - upper[::-1].index(before_table[verb])
    return f"{verb} {words[at]}"


def phases(ground: Ground, deliveries: Sequence[Posted], warm: Sequence[Posted]) -> str:
    """Return a table of where a delivery's time goes, in microseconds."""
    clockwork = Clockwork()
    gateway = InProcess(ground, clockwork)
    for one in warm:
        gateway.post(one)
    clockwork.seconds.clear()
    post = clockwork.timed("whole", gateway.post)
    with _wrapped(lambda act: clockwork.timed("statements", act)):
        for one in deliveries:
            post(one)
    gateway.close()
    each = {name: 1e6 * took / len(deliveries) for name, took in clockwork.seconds.items()}
    inside = each["statements"] + each["commit"]
    known = ("verify", "envelope", "translate", "transaction", "wake")
    web = each["whole"] - sum(each.get(name, 0.0) for name in known)
    rows = [
        ("verify the signature", each["verify"]),
        ("read the envelope (JSON)", each["envelope"]),
        ("translate", each["translate"]),
        ("transaction: statements, in the driver", each["statements"]),
        ("transaction: commit", each["commit"]),
        ("transaction: our code and SQLAlchemy's", each["transaction"] - inside),
        ("wake RQ", each.get("wake", 0.0)),
        ("Flask, metrics, the rest", web),
        ("together", each["whole"]),
    ]
    listed = [["", "us", "%"]]
    listed += [[name, f"{took:.0f}", f"{100 * took / each['whole']:.0f}"] for name, took in rows]
    return table(listed)


class Sampler:
    """Looks at the stack as CPU time passes: bends the figures less than cProfile does."""

    def __init__(self) -> None:
        self.samples = 0
        self.layers: Counter[str] = Counter()
        # Samples with this function of ours anywhere on the stack, and as the innermost of ours.
        self.within: Counter[str] = Counter()
        self.innermost: Counter[str] = Counter()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look while the block runs; main thread only."""
        before = signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        self.samples += 1
        seen: set[str] = set()
        first = True
        layer = None
        while frame is not None:
            layer = layer or _layer(frame)
            name = _ours(frame)
            if name is not None and name not in seen:
                seen.add(name)
                self.within[name] += 1
                if first:
                    self.innermost[name] += 1
                    first = False
            frame = frame.f_back
        self.layers[layer or "other"] += 1

    def text(self, took_us: float, most: int = 30) -> str:
        """Return tables: by library, by function of ours."""

        def rows(counter: Counter[str], heading: str, limit: int) -> list[list[str]]:
            listed = [[heading, "us", "%"]]
            for name, number in counter.most_common(limit):
                share = number / self.samples
                listed.append([name, f"{share * took_us:.0f}", f"{100 * share:.0f}"])
            return listed

        return "\n\n".join(
            (
                table(rows(self.layers, "where the processor stood", 12)),
                table(rows(self.within, "within a function of ours (with all it calls)", most)),
                table(rows(self.innermost, "... as the innermost of ours (with libraries)", most)),
            )
        )


_LAYERS = (
    ("/sqlalchemy/engine/default.py:do_commit", "commit (driver, disk)"),
    ("/sqlalchemy/engine/default.py:do_execute", "statements (driver)"),
    ("/psycopg", "statements (driver)"),
    ("/sqlalchemy/sql/", "SQLAlchemy: building and compiling statements"),
    ("/sqlalchemy/orm/", "SQLAlchemy: session"),
    ("/sqlalchemy/", "SQLAlchemy: engine, results"),
    ("/redis/", "redis"),
    ("/flask/", "Flask and Werkzeug"),
    ("/werkzeug/", "Flask and Werkzeug"),
    ("/prometheus_client/", "prometheus_client"),
    ("/gateway/channels/", "gateway: channel"),
    ("/gateway/", "gateway: everything else"),
    ("/bench/", "the bench itself"),
)


def _layer(frame: FrameType) -> str | None:
    place = f"{frame.f_code.co_filename}:{frame.f_code.co_name}"
    return next((layer for part, layer in _LAYERS if part in place), None)


def _ours(frame: FrameType) -> str | None:
    _, found, path = frame.f_code.co_filename.rpartition("/gateway/")
    return f"{path[:-3]}.{frame.f_code.co_qualname}" if found else None


def sampled(ground: Ground, deliveries: Sequence[Posted], warm: Sequence[Posted]) -> str:
    """Return where the CPU time goes by library and by function of ours."""
    gateway = InProcess(ground)
    for one in warm:
        gateway.post(one)
    sampler = Sampler()
    began = time.process_time()
    with sampler.looking():
        for one in deliveries:
            gateway.post(one)
    took_us = 1e6 * (time.process_time() - began) / len(deliveries)
    gateway.close()
    return sampler.text(took_us)


def profiled(ground: Ground, deliveries: Sequence[Posted], warm: Sequence[Posted]) -> str:
    """Return cProfile's top by own time (its calls cost time themselves: read the order)."""
    gateway = InProcess(ground)
    for one in warm:
        gateway.post(one)
    profile = cProfile.Profile()
    with profile:
        for one in deliveries:
            gateway.post(one)
    gateway.close()
    out = io.StringIO()
    stats = pstats.Stats(profile, stream=out)
    stats.sort_stats("tottime").print_stats(30)
    here = os.path.commonpath([os.getcwd(), __file__])
    return out.getvalue().replace(f"{here}/", "")
