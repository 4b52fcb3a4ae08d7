"""`gateway sync`: a pass on demand, watched until it is over."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from gateway.clock import SystemClock, to_micros
from gateway.config import load_settings
from gateway.reconciling import backfills
from gateway.store import Database
from gateway.store.models import Backfill, ChatSession, Installation, Reconciliation
from gateway.wiring import build
from intercom_standin.server import StandIn
from tests.cli.conftest import SECRET, TOKEN, Gateway
from tests.healing.village import living
from tests.rig import AOIFE, CHANNEL


@pytest.fixture
def standin(on_migrated: Gateway) -> Iterator[StandIn]:
    """One whose changes are so old that no notification of them can be on its way."""
    with StandIn(
        mode="manual", clock=lambda: time.time() - 200, token=TOKEN, client_secret=SECRET
    ) as made:
        on_migrated.configure(url=made.base_url, app_id=made.app_id)
        yield made


def hear(standin: StandIn) -> None:
    """Let the gateway take what waits, as its web process would."""
    parts = build(load_settings(os.environ))
    channel = parts.channels[CHANNEL]
    for notification in standin.notifier.take():
        body, headers = standin.notifier.signed(notification)
        channel.receiver.verify(headers, body)
        parts.inbox.receive(channel, channel.receiver.read_envelope(body), body)
    parts.database.dispose()


def lost_takeover(standin: StandIn) -> str:
    cid = str(standin.world.customer_starts("Hello", name="Cleo").conversation.id)
    hear(standin)
    standin.world.assign(cid, AOIFE, by=AOIFE)
    standin.notifier.take()
    return cid


def test_a_pass_on_demand(on_migrated: Gateway, database: Database, standin: StandIn) -> None:
    cid = lost_takeover(standin)
    result = on_migrated.run("sync", "reconcile", CHANNEL)
    assert result.exit_code == 0
    assert "1 conversations had changed, 1 were read, 1 were not as the record had them" in (
        result.stdout
    )
    assert f"  {cid}: 1 assigned (ai → human)" in result.stdout
    with database.read() as db:
        assert db.scalars(select(ChatSession.mode)).one() == "human"
    again = on_migrated.run("sync", "reconcile", CHANNEL)
    assert "1 conversations had changed, 0 were read" in again.stdout


def test_it_looks_further_back_when_told(
    on_migrated: Gateway, database: Database, standin: StandIn
) -> None:
    lost_takeover(standin)
    result = on_migrated.run("sync", "reconcile", CHANNEL, "--since", "2026-11-01")
    assert result.exit_code == 0
    with database.read() as db:
        since = db.scalars(select(Reconciliation.since)).one()
    assert since == 1_793_491_200_000_000


def test_what_it_says_when_there_is_nothing_to_compare(
    on_migrated: Gateway, database: Database, standin: StandIn
) -> None:
    unknown = on_migrated.run("sync", "reconcile", "another")
    assert unknown.exit_code == 2
    assert f"there is no channel 'another'; there are: {CHANNEL}" in unknown.stderr
    early = on_migrated.run("sync", "reconcile", CHANNEL)
    assert early.exit_code == 2
    assert "nothing has been heard of acme-intercom yet" in early.stderr
    with database.read() as db:
        assert db.scalars(select(Installation.id)).all() == []


def test_a_refusal_is_waited_for(
    on_migrated: Gateway, database: Database, standin: StandIn
) -> None:
    lost_takeover(standin)
    standin.faults.add("rate_limited", where="search")
    result = on_migrated.run("sync", "reconcile", CHANNEL)
    assert result.exit_code == 0
    assert "1 were not as the record had them" in result.stdout


@pytest.fixture
def of_today(on_migrated: Gateway) -> Iterator[StandIn]:
    """One whose clock is right, so that it tells what is past."""
    with StandIn(mode="manual", token=TOKEN, client_secret=SECRET) as made:
        on_migrated.configure(url=made.base_url)
        yield made


def test_the_past_of_a_workspace_that_was_never_heard_of(
    on_migrated: Gateway, database: Database, of_today: StandIn
) -> None:
    with living(of_today, ago_s=400):  # what is younger than five minutes is also a pass's
        for name in ("Cleo", "Dara"):
            cid = str(of_today.world.customer_starts("Hello", name=name).conversation.id)
            of_today.world.admin_replies(cid, AOIFE, "Hello.")
    of_today.world.customer_starts("Just now", name="Eve")
    of_today.notifier.take()
    result = on_migrated.run("sync", "backfill", CHANNEL)
    assert result.exit_code == 0
    assert "2 conversations were read, with 4 new messages and notes; 0 were known" in result.stdout
    assert "3 customers, " in result.stdout
    with database.read() as db:
        assert len(db.scalars(select(ChatSession.id)).all()) == 2
    again = on_migrated.run("sync", "backfill", CHANNEL)
    assert "with 0 new messages and notes; 2 were known" in again.stdout


def test_which_past_when_told(on_migrated: Gateway, database: Database, standin: StandIn) -> None:
    standin.world.customer_starts("Hello", name="Cleo")
    standin.notifier.take()
    result = on_migrated.run(
        "sync", "backfill", CHANNEL, "--since", "2020-01-01", "--until", "2021-01-01"
    )
    assert "0 conversations were read" in result.stdout
    with database.read() as db:
        since, until = db.execute(select(Backfill.since, Backfill.until)).one()
    assert (since, until) == (1_577_836_800_000_000, 1_609_459_200_000_000)
    turned = on_migrated.run(
        "sync", "backfill", CHANNEL, "--since", "2021-01-01", "--until", "2020-01-01"
    )
    assert (turned.exit_code, "--since is after --until" in turned.stderr) == (2, True)
    assert on_migrated.run("sync", "backfill", "another").exit_code == 2


def test_it_is_stopped(on_migrated: Gateway, database: Database, standin: StandIn) -> None:
    nothing = on_migrated.run("sync", "backfill", CHANNEL, "--stop")
    assert (nothing.exit_code, "no backfill of acme-intercom is under way" in nothing.stderr) == (
        1, True,
    )  # fmt: skip
    database.write(lambda db: backfills.begin(db, CHANNEL, now=to_micros(SystemClock().now())))
    result = on_migrated.run("sync", "backfill", CHANNEL, "--stop")
    assert (result.exit_code, result.stdout) == (0, "stopped; what was read stays\n")
    with database.read() as db:
        assert backfills.under_way(db) == []
