"""Numbers for Prometheus: what this process did, and what the record says is owed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import Flask, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.channels.base import Channel, Envelope
from gateway.clock import to_micros
from gateway.errors import GatewayError
from gateway.inbox import Receipt
from gateway.store import Database, Transaction
from gateway.store.ids import first_id
from gateway.store.models import (
    ChatSession,
    ContactPush,
    Doubt,
    EventDelivery,
    FindingRow,
    InboxDelivery,
    Push,
    Reconciliation,
    TurnRow,
)
from gateway.store.sql import literals
from gateway.watch import alerts

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Receive = Callable[[Channel, Envelope, bytes], Receipt]

_DOORS = frozenset({"webhooks", "api", "widget", "widget.js", "console"})
_OTHER = "other"
# Topics come from outside: what they begin with is counted, and only if it is one of these.
_TOPIC_CLASSES = frozenset(
    {"conversation", "conversation_part", "contact", "company", "user", "visitor", "admin",
     "ticket", "ping", "message", "session"}
)  # fmt: skip
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
MOST_CHANNELS = 200
"""Of more channels only what is wrong is told, and who was not looked at for longest: all codes of
ten thousand would take seconds, of a process that answers notifications."""
_MOST_WRONG = 1_000
_OPEN_PUSHES = ("owed", "sending", "unknown")
_OPEN_TURNS = ("due", "asking", "waiting")


class Metrics:
    """The metrics of one process."""

    def __init__(self, database: Database) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._own = CollectorRegistry()
        self._record = RecordCollector(database)
        self._deliveries = Counter(
            "gateway_deliveries", "Authentic deliveries received", ("channel", "topic", "state"),
            registry=self._own,
        )  # fmt: skip
        self._seconds = Histogram(
            "gateway_request_seconds", "Time to answer a request", ("door",),
            buckets=_BUCKETS, registry=self._own,
        )  # fmt: skip
        self._requests = Counter(
            "gateway_requests", "Requests answered", ("door", "status"), registry=self._own
        )
        self._counters: dict[tuple[str, str], Counter] = {}
        self._timers = {door: self._seconds.labels(door) for door in (*_DOORS, _OTHER)}

    def counting(self, receive: Receive) -> Receive:
        """`receive`, counted."""
        deliveries = self._deliveries

        def counted(channel: Channel, envelope: Envelope, body: bytes) -> Receipt:
            receipt = receive(channel, envelope, body)
            first = envelope.topic.partition(".")[0]
            topic = first if first in _TOPIC_CLASSES else _OTHER
            state = "repeated" if receipt.again else receipt.state
            deliveries.labels(channel.name, topic, state).inc()
            return receipt

        return counted

    def timing(self, application: WSGIApplication) -> WSGIApplication:
        """`application`, timed until it begins to answer; a stream's length is nobody's delay."""
        timers, clock, count = self._timers, time.perf_counter, self._count

        def timed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            first = environ.get("PATH_INFO", "")[1:].partition("/")[0]
            door = first if first in _DOORS else _OTHER

            def start(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
                count(door, status[:3])
                return start_response(status, headers, exc_info)

            began = clock()
            try:
                return application(environ, start)
            finally:
                timers[door].observe(clock() - began)

        return timed

    def _count(self, door: str, status: str) -> None:
        counter = self._counters.get((door, status))
        if counter is None:  # looking labels up takes longer than counting
            counter = self._counters[door, status] = self._requests.labels(door, status)
        counter.inc()

    def text(self) -> bytes:
        """Everything, in Prometheus's text format."""
        processes: CollectorRegistry = self._own
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):  # several web processes count together
            processes = CollectorRegistry()
            MultiProcessCollector(processes)  # type: ignore[no-untyped-call]
        record = CollectorRegistry()
        record.register(self._record)
        return generate_latest(processes) + generate_latest(record)


class RecordCollector(Collector):
    """What the database says, asked when somebody wants to know."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Sessions by mode, what is owed and since when, failed deliveries, health."""
        up = GaugeMetricFamily("gateway_database_up", "1 if the database answers")
        try:
            families = list(self._families())
        except (SQLAlchemyError, GatewayError):
            up.add_metric((), 0)
            yield up
            return
        up.add_metric((), 1)
        yield up
        yield from families

    def _families(self) -> Iterator[GaugeMetricFamily]:
        now = to_micros(self._database.clock.now())
        with self._database.read() as db:
            by_mode: dict[str, int] = dict.fromkeys(("ai", "human", "copilot"), 0)
            rows = db.execute(
                select(ChatSession.mode, func.count())
                .where(ChatSession.status == "active")
                .group_by(ChatSession.mode)
            )
            by_mode.update({row[0]: row[1] for row in rows})
            pushes = db.execute(
                select(func.count(), func.min(Push.owed_at)).where(Push.state.in_(_OPEN_PUSHES))
            ).one()
            details = db.execute(
                select(func.count(), func.min(ContactPush.owed_at)).where(
                    ContactPush.state.in_(literals(*_OPEN_PUSHES))
                )
            ).one()
            turns = db.execute(
                select(func.count(), func.min(TurnRow.owed_at)).where(
                    TurnRow.state.in_(_OPEN_TURNS)
                )
            ).one()
            events = db.execute(
                select(func.count(), func.min(EventDelivery.owed_at)).where(
                    EventDelivery.state.in_(literals("owed"))
                )
            ).one()
            dead = db.scalar(select(func.count()).where(EventDelivery.state.in_(literals("dead"))))
            failed = db.scalar(
                select(func.count()).where(InboxDelivery.state.in_(literals("failed")))
            )
            watched = list(_watched(db, now))
        sessions = GaugeMetricFamily("gateway_sessions_active", "Active sessions", labels=("mode",))
        for mode, count in by_mode.items():
            sessions.add_metric((mode,), count)
        yield sessions
        owed = GaugeMetricFamily("gateway_owed", "Work owed and not done", labels=("kind",))
        age = GaugeMetricFamily(
            "gateway_owed_oldest_seconds", "Age of the oldest work owed", labels=("kind",)
        )
        kinds = {"pushes": pushes, "contact_pushes": details, "turns": turns, "events": events}
        for kind, row in kinds.items():
            owed.add_metric((kind,), row[0])
            age.add_metric((kind,), max(0, now - (row[1] or now)) / 1e6)
        yield owed
        yield age
        broken = GaugeMetricFamily("gateway_deliveries_failed", "Deliveries that wait for a replay")
        broken.add_metric((), failed or 0)
        yield broken
        given_up = GaugeMetricFamily(
            "gateway_events_dead", "Events that a subscriber never took; they wait for a replay"
        )
        given_up.add_metric((), dead or 0)
        yield given_up
        yield from watched


def _watched(db: Transaction, now: int) -> Iterator[GaugeMetricFamily]:
    """What the last looks at the channels found, and their last passes."""
    findings = GaugeMetricFamily(
        "gateway_findings", "1 if the last look found it wrong", labels=("channel", "code")
    )
    looked_at = alerts.looked_at(db)
    many = len(looked_at) > MOST_CHANNELS
    told = select(FindingRow.channel, FindingRow.code, FindingRow.ok)
    told = told.order_by(FindingRow.channel, FindingRow.code)
    for row in db.execute(
        told.where(FindingRow.ok.is_(False)).limit(_MOST_WRONG) if many else told
    ):
        findings.add_metric((row.channel, row.code), 0 if row.ok else 1)
    yield findings
    age = GaugeMetricFamily(
        "gateway_look_age_seconds", "Time since the last look at a channel", labels=("channel",)
    )
    eldest = [min(looked_at, key=looked_at.__getitem__)] if many else looked_at
    for channel in eldest:
        age.add_metric((channel,), max(0, now - looked_at[channel]) / 1e6)
    yield age
    doubts = GaugeMetricFamily(
        "gateway_reconcile_doubts", "Conversations that changed and wait to be read"
    )
    doubts.add_metric((), db.scalar(select(func.count()).select_from(Doubt)) or 0)
    yield doubts
    if not many:
        yield from _reconciled(db, now)


def _reconciled(db: Transaction, now: int) -> Iterator[GaugeMetricFamily]:
    def gauge(name: str, meaning: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"gateway_reconcile_{name}", meaning, labels=("channel",))

    found = gauge("found", "Conversations that had changed, in the last pass that ended")
    repaired = gauge("repaired", "Those that were not as notifications had told")
    age = gauge("age_seconds", "Time since the last pass ended")
    newest = (
        select(func.max(Reconciliation.id))
        .where(
            # The index is by id, which begins with the time: the last two weeks.
            Reconciliation.id >= first_id("rec", 14 * 86_400),
            Reconciliation.ended_at.is_not(None),
        )
        .group_by(Reconciliation.channel)
    )
    for row in db.scalars(select(Reconciliation).where(Reconciliation.id.in_(newest))):
        found.add_metric((row.channel,), row.found)
        repaired.add_metric((row.channel,), row.repaired)
        age.add_metric((row.channel,), max(0, now - (row.ended_at or now)) / 1e6)
    yield from (found, repaired, age)


def add_metrics(app: Flask, metrics: Metrics) -> None:
    """Add `/metrics`, and time every door."""

    @app.get("/metrics")
    def tell() -> Response:
        return Response(metrics.text(), content_type=CONTENT_TYPE_LATEST)

    wsgi: Any = app
    wsgi.wsgi_app = metrics.timing(app.wsgi_app)
