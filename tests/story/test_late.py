"""Found by reading: the young is answered, the older gets a person, the old is history."""

from __future__ import annotations

import pytest

from tests.rig import AOIFE, BOT, Rig


@pytest.mark.parametrize(
    ("age_s", "mode", "answered"),
    [(60, "ai", True), (3600, "human", False), (2 * 86_400, "ai", False)],
)
def test_a_word_whose_notification_was_lost(it: Rig, age_s: int, mode: str, answered: bool) -> None:
    cid = str(it.world.customer_starts("Hello", name="Cleo").conversation.id)
    it.settle()
    it.world.assign(cid, BOT, by=AOIFE)
    it.settle()
    it.advance(5)
    it.world.customer_replies(cid, "Anybody?")
    it.standin.notifier.take()  # lost
    it.advance(age_s)
    _read_it(it, cid)
    it.settle()
    assert it.session(cid).mode == mode
    assert ("ai: AI: Anybody?" in it.texts(cid)) is answered
    assert "customer: Anybody?" in it.texts(cid)
    if mode == "human":
        handover = it.session(cid).handover
        assert (handover["trigger"], handover["reason"]) == ("rule", "found late")


def _read_it(it: Rig, cid: str) -> None:
    """Make the gateway read the conversation, as it does after a delivery that failed."""
    from sqlalchemy import update

    from gateway.clock import to_micros
    from gateway.store.models import Conversation

    due = to_micros(it.clock.now())
    it.parts.database.write(
        lambda db: db.execute(
            update(Conversation).where(Conversation.external_id == cid).values(read_due=due)
        )
    )
    it.work("sync")


def test_a_takeover_and_its_end_told_at_once_still_end_what_was_being_thought_out(it: Rig) -> None:
    cid = str(it.world.customer_starts("Hello", name="Cleo").conversation.id)
    it.settle()
    it.world.assign(cid, BOT, by=AOIFE)
    it.settle()
    it.advance(5)
    it.world.customer_replies(cid, "And?")
    it.hear()

    def meanwhile(_: object) -> None:
        it.advance(2)
        it.world.assign(cid, AOIFE, by=AOIFE)
        it.world.admin_replies(cid, AOIFE, "I see.")
        it.world.assign(cid, BOT, by=AOIFE)
        it.standin.notifier.take()  # lost
        _read_it(it, cid)

    it.agent.before.append(meanwhile)
    it.work("turns")
    it.settle()
    assert it.session(cid).mode == "ai"
    assert "ai: AI: And?" not in it.texts(cid)
    assert it.turns()[-1].state == "discarded"
