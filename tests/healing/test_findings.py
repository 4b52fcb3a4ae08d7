"""What real passes bring to light about the set-up, as findings of the watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.clock import to_micros
from gateway.reconciling.passes import MIN_AGE_S
from gateway.watch import heard
from tests.healing.city import reconcile
from tests.rig import AOIFE, CHANNEL, Rig

BILLING = "5017702"


@pytest.fixture
def it(make_rig: Callable[..., Rig]) -> Rig:
    made = make_rig(api_version="2.16")
    made.world.customer_starts("The first one", name="Ann")
    made.settle()
    made.advance(400)
    return made


def wrong(it: Rig) -> dict[str, Any]:
    """What the watch finds wrong, by its code."""
    with it.parts.database.read() as db:
        looked = it.parts.watched[CHANNEL].look(db, to_micros(it.clock.now()))
    return {one.code: one for one in looked.findings if not one.ok}


def start(it: Rig, number: int) -> list[str]:
    return [
        str(it.world.customer_starts(f"Words {n}", name="Cleo").conversation.id)
        for n in range(number)
    ]


def test_fin_takes_part(it: Rig) -> None:
    (cid,) = start(it, 1)
    it.world.fin_writes(cid, "Hello, I am Fin.")
    it.settle()
    assert "fin" not in wrong(it)
    it.advance(MIN_AGE_S)
    reconcile(it)
    assert "Fin took part in 1 conversation that" in wrong(it)["fin"].what


def test_a_workflow_takes_every_new_conversation(it: Rig) -> None:
    for cid in start(it, 6):
        it.world.assign(cid, f"team:{BILLING}", by="fin")
    it.settle()
    it.advance(MIN_AGE_S)
    reconcile(it)
    found = wrong(it)
    assert set(found) == {"workflow"}
    assert BILLING in found["workflow"].do


def test_notifications_that_were_lost_are_told_as_drift(it: Rig) -> None:
    cids = start(it, 8)
    it.settle()
    for cid in cids[:4]:
        it.world.assign(cid, AOIFE, by=AOIFE)
    it.standin.notifier.take()
    it.advance(MIN_AGE_S)
    reconcile(it)
    found = wrong(it)["drift"]
    assert found.what.startswith("of 9 conversations that had changed, 4 were not as")
    it.advance(600)
    reconcile(it)
    assert "drift" not in wrong(it)


def test_a_topic_that_was_never_ticked(it: Rig) -> None:
    it.advance(365 * 86_400)  # what is added up came before now by this machine's clock, too
    it.standin.notifier.topics = {"conversation.user.created", "conversation.user.replied"}
    cids = start(it, 4)
    it.settle()
    for cid in cids:
        it.world.close(cid, AOIFE)
    it.settle()
    assert heard.listen(it.parts.database, lag_s=0.0)
    it.advance(MIN_AGE_S)
    reconcile(it)
    assert "conversation.admin.closed" in wrong(it)["topics"].do


def test_reconciling_that_does_not_come_to_its_end(make_rig: Callable[..., Rig]) -> None:
    it = make_rig(reconcile_every_s=600.0)
    it.world.customer_starts("Hello", name="Cleo")
    it.settle()
    it.standin.faults.add("unavailable", where="search", count=None)
    for _ in range(70):
        it.advance(30)
        it.work("sync")
    found = wrong(it)["reconcile_overdue"]
    assert "503" in found.what + found.do
