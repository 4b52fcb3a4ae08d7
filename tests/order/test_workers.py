"""With workers at work, the AI answering and deliveries in any order: the channel's facts agree.

What the AI said meanwhile differs from order to order, so there is no second run to compare with.
The channel itself is: what the stand-in holds is what the record says, once each; and the record is
what folding its own facts in order would make of it.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from gateway.conversations import doors
from gateway.conversations import facts as kept
from gateway.errors import GatewayError
from gateway.handover import fold
from gateway.store.models import ChatSession, Conversation, Message
from tests.order.profile import examples
from tests.order.town import SUPERVISOR
from tests.rig import AOIFE, BOT, CHANNEL, MAREK, TEAM, Rig

MORE: dict[str, dict[str, Any]] = {
    "hand_over": {"reason": "because", "link": ""},
    "finish": {"reason": ""},
    "set_copilot": {"on": True},
}
WHICH = st.integers(0, 1)
PEOPLE = st.sampled_from([AOIFE, MAREK])


class AtWork(RuleBasedStateMachine):
    """A whole gateway against the stand-in; what it hears comes in any order, more than once."""

    template: Path
    folder: Path
    count = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).count += 1
        path = self.folder / f"at-work-{self.count}.db"
        for suffix in ("", "-wal"):
            part = self.template.with_name(self.template.name + suffix)
            if part.exists():
                shutil.copyfile(part, path.with_name(path.name + suffix))
        self.it = Rig(f"sqlite:///{path}", self.folder, hand_over_to=f"team:{TEAM}")
        self.unheard: list[Any] = []

    @initialize()
    def somebody_writes(self) -> None:
        self.it.world.customer_starts("Hi", name="Cleo")

    def one(self, which: int) -> str:
        ids = list(self.it.world.conversations)
        return str(ids[which % len(ids)])

    @rule()
    def another_writes(self) -> None:
        if len(self.it.world.conversations) < 2:
            self.it.world.customer_starts("Hello", name="Dara")

    @rule(which=WHICH)
    def customer_replies(self, which: int) -> None:
        self.it.world.customer_replies(self.one(which), f"Well? {self.it.world.revision}")

    @rule(which=WHICH, by=PEOPLE)
    def staff_replies(self, which: int, by: int) -> None:
        self.it.world.admin_replies(self.one(which), by, "Hello.")

    @rule(which=WHICH, by=PEOPLE, to=st.sampled_from([AOIFE, f"team:{TEAM}", BOT, BOT, "nobody"]))
    def assigns(self, which: int, by: int, to: Any) -> None:
        self.it.world.assign(self.one(which), to, by=by)

    @rule(which=WHICH, by=PEOPLE)
    def closes(self, which: int, by: int) -> None:
        self.it.world.close(self.one(which), by)

    @rule(which=WHICH, door=st.sampled_from(["hand_over", "hand_back", "finish", "set_copilot"]))
    def acts(self, which: int, door: str) -> None:
        sessions = self.it.sessions(self.one(which))
        try:
            if sessions:
                self.it.act(getattr(doors, door), sessions[-1].id, SUPERVISOR, **MORE.get(door, {}))
        except GatewayError:
            pass

    @rule(keep=st.integers(0, 3), seed=st.integers(0, 5))
    def hears(self, keep: int, seed: int) -> None:
        """Hear of all but `keep` deliveries, in any order, some of them twice."""
        self.unheard += self.it.standin.notifier.take()
        random.Random(seed).shuffle(self.unheard)
        now, self.unheard = self.unheard[keep:], self.unheard[:keep]
        for notification in now + now[:seed]:
            assert self.it.standin.notifier.deliver(notification).status == 200

    @precondition(lambda self: self.it.world.conversations)
    @rule(kind=st.sampled_from(["turns", "deliver", "sync"]))
    def works(self, kind: str) -> None:
        self.it.work(kind)

    @rule(seconds=st.sampled_from([0.4, 1, 3, 20]))
    def time_passes(self, seconds: float) -> None:
        self.it.advance(seconds)

    def teardown(self) -> None:
        try:
            for _ in range(4):  # and whatever was put off for a moment
                self.hears(0, 3)
                self.it.settle()
                self.it.advance(30)
            as_the_channel_has_it(self.it)
            as_the_fold_has_it(self.it)
        finally:
            self.it.close()


def as_the_channel_has_it(it: Rig) -> None:
    for cid, conversation in it.world.conversations.items():
        there = [
            (part.id, "note" if part.part_type == "note" else "message")
            for part in conversation.parts
            if part.body
        ]
        here = [
            (row.external_id, "note" if row.kind == "draft" else row.kind)
            for row in it.history(cid)
            if row.kind != "marker" and row.external_id and not row.external_id.startswith("source")
        ]
        assert sorted(here) == sorted(there)
        assert here == sorted(here, key=lambda pair: [p for p, _ in there].index(pair[0]))
        unsettled = [p for p in it.pushes() if p.state in ("owed", "sending", "unknown")]
        assert not unsettled


def as_the_fold_has_it(it: Rig) -> None:
    policy = it.parts.terms[CHANNEL].channel.policy
    with it.parts.database.read() as db:
        conversations = db.execute(select(Conversation.id, Conversation.external_id)).all()
        for id, cid in conversations:
            story = fold(kept.load(db, id), policy)
            runs = list(story.runs.values())
            sessions = it.sessions(cid)
            assert [row.opened_by for row in sessions] == [run.opened_by for run in runs]
            for row, run in zip(sessions, runs, strict=True):
                assert (row.mode, row.finished_at, row.waiting_since) == (
                    run.mode, run.finished_at, run.waiting_since,
                )  # fmt: skip
                assert (row.responsible_kind, row.responsible_id, row.responsible_team) == (
                    run.responsible.kind, run.responsible.id, run.responsible.team,
                )  # fmt: skip
            markers = db.execute(
                select(Message.external_id, Message.data, ChatSession.opened_by)
                .outerjoin(ChatSession, ChatSession.id == Message.session_id)
                .where(Message.conversation_id == id, Message.kind == "marker")
            ).all()
            assert {row.external_id: (row.data["by"]["id"], row.opened_by) for row in markers} == {
                f"marker:{marker.id}": (marker.by.id, key) for key, marker in story.markers
            }


def test_any_order_with_workers_at_work(migrated_sqlite_url: str, tmp_path: Path) -> None:
    template = Path(migrated_sqlite_url.removeprefix("sqlite:///"))
    machine = type("Machine", (AtWork,), {"template": template, "folder": tmp_path})
    run_state_machine_as_test(machine, settings=examples(0.08, steps=20))
