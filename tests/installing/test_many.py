"""Thousands of installations: what is asked all the time does not grow with their number."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select

from bench.receiver import watching
from bench.scale.many import install
from gateway.app import create_app, metrics
from gateway.clock import MovableClock, to_micros
from gateway.config import HttpAgentSettings, IntercomAppSettings, Settings, Workspace
from gateway.signs import Finding
from gateway.store import Transaction
from gateway.store.models import Claim, Reconciliation
from gateway.sync import watching as looking
from gateway.sync.jobs import Bench
from gateway.watch import alerts
from gateway.wiring import Parts, build
from tests.rig import START

SETTINGS = Settings(
    workspace=Workspace(time_zone="UTC"),
    agents={
        "support": HttpAgentSettings(
            name="support", url="http://127.0.0.1:1/turn", secret="whsec_c2VjcmV0c2VjcmV0"
        )
    },
    channels={
        "app": IntercomAppSettings(
            name="app", agent="support", client_id="id", client_secret=("secret",),
            base_url="http://127.0.0.1:1", consent_url="http://127.0.0.1:1",
            reconcile_every_s=600.0,
        )
    },
    secret_key="one", public_url="http://127.0.0.1:1", database_url="", data_dir=Path(),
)  # fmt: skip


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(START)


@pytest.fixture
def parts(migrated_url: str, tmp_path: Path, clock: MovableClock) -> Iterator[Parts]:
    built = build(replace(SETTINGS, database_url=migrated_url, data_dir=tmp_path), clock=clock)
    yield built
    built.database.dispose()


def asked(parts: Parts, work: Bench, kind: str) -> int:
    said: list[str] = []
    with watching(parts.database.engine, said.append):
        work.works[kind].due(100)
    return len(said)


def test_what_is_asked_all_the_time_is_asked_at_once(parts: Parts, clock: MovableClock) -> None:
    work = Bench(parts, threading.Event())
    install(parts, 3)
    clock.advance(2)
    parts.refresh()
    few = [asked(parts, work, kind) for kind in ("sync", "directory")]
    install(parts, 20, first=3)
    clock.advance(2)
    parts.refresh()
    assert len(parts.channels) == 23
    assert [asked(parts, work, kind) for kind in ("sync", "directory")] == few


def test_everybodys_time_comes(parts: Parts, clock: MovableClock) -> None:
    install(parts, 5)
    clock.advance(2)
    parts.refresh()
    work = Bench(parts, threading.Event())
    clock.advance(598)
    due = [key for key in work.passes.due(100) if key in parts.channels]
    assert sorted(due) == [f"app.ws{at:06d}" for at in range(5)]
    work.passes.do(due[0])
    now = [key for key in work.passes.due(100) if key in parts.channels]
    assert sorted(now) == due[1:]
    with parts.database.read() as db:
        begun = db.scalars(select(Reconciliation.channel).where(Reconciliation.ended_at.is_(None)))
        assert list(begun) == due[:1]


def test_a_scheduler_that_starts_begins_passes_between_its_looks(
    parts: Parts, clock: MovableClock
) -> None:
    install(parts, 3)
    clock.advance(90)
    parts.refresh()
    work = Bench(parts, threading.Event())
    now = to_micros(clock.now())
    rounds = [work.passes.begin_after_absence(now, within_s=0.0) for _ in range(3)]
    assert rounds == [False, False, True]
    clock.advance(90)  # whoever had their pass meanwhile does not get another
    assert work.passes.begin_after_absence(now, within_s=0.0)
    with parts.database.read() as db:
        assert db.scalar(select(func.count()).select_from(Reconciliation)) == 6


def test_who_was_not_looked_at_for_longest_comes_first(
    parts: Parts, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(parts, 3)
    clock.advance(2)
    parts.refresh()
    work = Bench(parts, threading.Event())
    monkeypatch.setattr(looking, "_LOOKING_S", 0.0)  # time for one
    seen = []
    for _ in range(3):
        clock.advance(60)
        before = looked_at(parts)
        # On PostgreSQL its own clock says whose turn it is.
        parts.database.write(lambda db: db.execute(delete(Claim)))
        work.works["watch"].do("look")
        seen += [name for name, at in looked_at(parts).items() if before.get(name) != at]
    assert sorted(seen) == ["app.ws000000", "app.ws000001", "app.ws000002"]


def looked_at(parts: Parts) -> dict[str, int]:
    with parts.database.read() as db:
        return alerts.looked_at(db)


def test_metrics_of_many_tell_what_is_wrong(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    install(parts, 3)

    def find(db: Transaction) -> None:
        for number, wrong in enumerate((False, True, False)):
            well = Finding(code="token", ok=not wrong, what="", do="", since=1)
            alerts.take_in(db, f"app.ws00000{number}", [well], [], 60_000_000 * (3 - number))

    parts.database.write(find)
    client = create_app(parts).test_client()
    assert len(lines(client, "gateway_findings")) == 3
    assert len(lines(client, "gateway_reconcile_age_seconds")) == 3
    monkeypatch.setattr(metrics, "MOST_CHANNELS", 2)
    (only,) = lines(client, "gateway_findings")
    assert only.startswith('gateway_findings{channel="app.ws000001",code="token"} 1')
    (eldest,) = lines(client, "gateway_look_age_seconds")
    assert 'channel="app.ws000002"' in eldest
    assert lines(client, "gateway_reconcile_age_seconds") == []


def lines(client: FlaskClient, name: str) -> list[str]:
    return [one for one in client.get("/metrics").text.splitlines() if one.startswith(f"{name}{{")]
