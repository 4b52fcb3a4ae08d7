"""P3, issue 2's criterion 4: the same deliveries, in any order and any number of times, end in the
same record. A state machine lets a workspace live; a second gateway hears of it in any order.
"""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from werkzeug.serving import make_server

from gateway.app import create_app
from gateway.clock import MovableClock
from tests.order.gateways import Gateway, Item, Told, gateways, reach_in_groups
from tests.order.ledgers import same_ledger
from tests.order.profile import examples
from tests.order.town import Town, fresh_clock
from tests.rig import AOIFE, BOT, CHANNEL, MAREK, TEAM

PEOPLE = st.sampled_from([AOIFE, MAREK])
HOLDERS = st.sampled_from([AOIFE, MAREK, f"team:{TEAM}", "team:5017702", "bot", "fin", "nobody"])
HANDS = st.sampled_from([AOIFE, MAREK, BOT])
WHICH = st.integers(0, 2)
# How much later than its turn the second gateway hears of an item; more than one: repetitions.
LATENESS = st.lists(st.lists(st.integers(-40, 40), min_size=1, max_size=2), min_size=1, max_size=3)


class AnyOrder(RuleBasedStateMachine):
    """A workspace lives; what it tells reaches the first gateway in order, the second anyhow."""

    pair: tuple[Gateway, Gateway]
    long: bool
    clock: MovableClock

    def __init__(self) -> None:
        super().__init__()
        self.schedule: list[tuple[float, Item]] = []
        for gateway in self.pair:
            gateway.forget()

    @initialize(
        version=st.sampled_from(["2.14", "2.16"]), shuffle=st.integers(0, 3), long=st.booleans(),
        together=st.sampled_from([1, 3, 8]),
    )  # fmt: skip
    def opens(self, version: str, shuffle: int, long: bool, together: int) -> None:
        self.town = Town(self.pair[0], self.clock, version=version)
        self.shuffle = shuffle
        # How many notifications reach the second gateway at the same moment.
        self.together = together
        # What is found by reading a quarter of an hour late is handed over ("found late"), and
        # that depends on when it is read; and a read that says nothing new is not kept, so it
        # refutes no stale snapshot that comes after it (tests/handover/test_fold.py). So there are
        # long stories with stale snapshots, and stories that are read.
        self.long = long

    def keep(self, items: list[Item], lateness: list[list[int]]) -> None:
        for index, item in enumerate(items):
            place = len(self.schedule)
            for late in lateness[index % len(lateness)]:
                self.schedule.append((place + late, item))

    def one(self, which: int) -> str:
        ids = self.town.conversations
        return ids[which % len(ids)]

    @rule(name=st.sampled_from(["Cleo", "Dara", ""]), email=st.booleans(), late=LATENESS)
    def customer_starts(self, name: str, email: bool, late: Any) -> None:
        if len(self.town.conversations) < 2:
            more: dict[str, Any] = {}
            if email:
                more = {"source_type": "email", "subject": "Help"}
            self.keep(self.town.happens("customer_starts", "Hi", name=name or None, **more), late)

    @rule(late=LATENESS)
    def admin_starts(self, late: Any) -> None:
        if len(self.town.conversations) < 2:
            contact = self.town.world.add_contact("Eve").contact.id
            self.keep(self.town.happens("admin_starts", AOIFE, "News", contact_id=contact), late)

    @precondition(lambda self: self.town.conversations)
    @rule(which=WHICH, late=LATENESS, stale=st.booleans())
    def customer_replies(self, which: int, late: Any, stale: bool) -> None:
        items = self.town.happens(
            "customer_replies", self.one(which), "Well?", stale=stale and self.long
        )
        self.keep(items, late)

    @precondition(lambda self: self.town.conversations)
    @rule(which=WHICH, by=HANDS, late=LATENESS, stale=st.booleans())
    def staff_replies(self, which: int, by: Any, late: Any, stale: bool) -> None:
        more: dict[str, Any] = {"via_api": True} if by == BOT else {}
        items = self.town.happens(
            "admin_replies", self.one(which), by, "Hello.", stale=stale and self.long, **more
        )
        self.keep(items, late)

    @precondition(lambda self: self.town.conversations)
    @rule(which=WHICH, by=HANDS, late=LATENESS)
    def staff_notes(self, which: int, by: Any, late: Any) -> None:
        self.keep(self.town.happens("admin_notes", self.one(which), by, "NB"), late)

    @precondition(lambda self: self.town.conversations)
    @rule(which=WHICH, to=HOLDERS, by=HANDS, late=LATENESS, stale=st.booleans())
    def assigns(self, which: int, to: Any, by: Any, late: Any, stale: bool) -> None:
        items = self.town.happens("assign", self.one(which), to, by=by, stale=stale and self.long)
        self.keep(items, late)

    @precondition(lambda self: self.town.conversations)
    @rule(which=WHICH, by=HANDS, words=st.sampled_from(["", "Bye"]), late=LATENESS)
    def closes(self, which: int, by: Any, words: str, late: Any) -> None:
        self.keep(self.town.happens("close", self.one(which), by, text=words), late)

    @precondition(lambda self: self.town.conversations)
    @rule(
        which=WHICH, late=LATENESS,
        what=st.sampled_from(["open", "snooze", "unsnooze"]), by=PEOPLE,
    )  # fmt: skip
    def reopens_and_snoozes(self, which: int, what: str, by: Any, late: Any) -> None:
        self.keep(self.town.happens(what, self.one(which), by), late)

    @precondition(lambda self: self.town.conversations)
    @rule(which=WHICH, late=LATENESS)
    def fin_writes(self, which: int, late: Any) -> None:
        self.keep(self.town.happens("fin_writes", self.one(which), "I am Fin."), late)

    @precondition(lambda self: self.town.conversations)
    @rule(which=WHICH, late=LATENESS)
    def customer_reads(self, which: int, late: Any) -> None:
        self.keep(self.town.happens("customer_reads", self.one(which)), late)

    @precondition(lambda self: self.town.conversations)
    @rule(which=WHICH, part=st.integers(0, 20), late=LATENESS)
    def redacts(self, which: int, part: int, late: Any) -> None:
        conversation = self.one(which)
        worded = [p.id for p in self.town.world.conversations[conversation].parts if p.body]
        if worded:
            chosen = worded[part % len(worded)]
            self.keep(self.town.happens("redact", conversation, chosen), late)

    @precondition(lambda self: self.town.conversations)
    @rule(
        which=WHICH, late=LATENESS,
        door=st.sampled_from(["hand_over", "hand_back", "finish", "copilot_on", "copilot_off"]),
    )  # fmt: skip
    def acts(self, which: int, door: str, late: Any) -> None:
        more: dict[str, Any] = {}
        if door == "hand_over":
            more = {"reason": "because", "link": ""}
        elif door == "finish":
            more = {"reason": "done"}
        elif door.startswith("copilot"):
            more = {"on": door == "copilot_on"}
            door = "set_copilot"
        self.keep(self.town.acts(door, self.one(which), **more), late)

    @precondition(lambda self: self.town.conversations)
    @rule(which=WHICH, late=LATENESS)
    def posts(self, which: int, late: Any) -> None:
        self.keep(self.town.posts(self.one(which)), late)

    @precondition(lambda self: self.town.conversations)
    @rule(which=WHICH, late=LATENESS)
    def reads(self, which: int, late: Any) -> None:
        if not self.long:
            self.keep(self.town.reads(self.one(which)), late)

    @rule(seconds=st.sampled_from([0.3, 1, 1, 7, 3600]))
    def time_passes(self, seconds: float) -> None:
        self.town.passes(seconds if self.long else min(seconds, 30))

    def teardown(self) -> None:
        if not hasattr(self, "town"):
            return
        first, second = self.pair
        order = [item for _, item in sorted(self.schedule, key=lambda pair: pair[0])]
        if self.shuffle == 1:
            order.reverse()
        elif self.shuffle > 1:
            random.Random(self.shuffle).shuffle(order)
        reach_in_groups(order, second, self.together)
        same_ledger(first.ledger(), second.ledger())


def live(pair: list[Gateway], clock: MovableClock, share: float) -> None:
    machine = type("Machine", (AnyOrder,), {"pair": tuple(pair), "clock": clock})
    run_state_machine_as_test(machine, settings=examples(share, steps=25))


# fmt: off
POLICIES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "strict": {"on_unassigned": "human", "other_bot": "human", "hand_over_to": f"team:{TEAM}"},
    "eager": {"on_unassigned": "ai", "takeover_on_reply": False, "email_conversations": "ai",
              "ai_teams": ("5017702",), "hand_over_to": f"admin:{AOIFE}"},
    "copilot": {"first_mode": "copilot", "answer_when": ("bot",)},
}
# fmt: on


@pytest.mark.parametrize("policy", POLICIES)
def test_any_order_on_sqlite(two_sqlite_urls: list[str], tmp_path: Path, policy: str) -> None:
    clock = fresh_clock()
    with gateways(two_sqlite_urls, tmp_path, clock, **POLICIES[policy]) as pair:
        live(pair, clock, 0.15)


def test_any_order_on_postgresql(two_postgres_urls: list[str], tmp_path: Path) -> None:
    clock = fresh_clock()
    with gateways(two_postgres_urls, tmp_path, clock) as pair:
        live(pair, clock, 0.06)


def test_any_order_through_http(two_sqlite_urls: list[str], tmp_path: Path) -> None:
    clock = fresh_clock()
    with gateways(two_sqlite_urls, tmp_path, clock) as (first, second):
        town = Town(first, clock)
        for seconds in (0, 1):
            cid = town.happens("customer_starts", "Hi", name="Cleo") and town.conversations[-1]
            town.passes(seconds)
            town.happens("assign", cid, AOIFE, by=MAREK)
            town.happens("admin_replies", cid, MAREK, "Hello.")
            town.passes(seconds)
            town.happens("assign", cid, BOT, by=MAREK, stale=True)
            town.happens("customer_replies", cid, "Thanks", stale=True)
            town.passes(seconds)
            town.happens("close", cid, MAREK, text="Bye")
            town.happens("customer_replies", cid, "Wait")
        posts = [item for item in town.items if isinstance(item, Told)] * 2
        random.Random(7).shuffle(posts)
        server = make_server("127.0.0.1", 0, create_app(second.parts), threaded=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/webhooks/{CHANNEL}"
        try:
            for post in posts:
                answer = requests.post(url, data=post.body, headers=post.headers, timeout=10)
                assert answer.status_code == 200
        finally:
            server.shutdown()
            server.server_close()
        same_ledger(first.ledger(), second.ledger())
        assert len(first.ledger()["sessions"]) == 4
