"""Issue 4, criterion 2: several operators, an AI that is late or fails, customers, a clock and
crashes, in any interleaving against a real database, compared with a small model of the desk.

`HYPOTHESIS_PROFILE=explore` hunts; by default it is quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, update

from gateway.answers import record_answer
from gateway.conversations import doors
from gateway.conversations.doors import Caller, Person
from gateway.errors import Conflict, Forbidden
from gateway.ladder import Rung
from gateway.people import editing
from gateway.people.presence import Seen
from gateway.policy import Policy
from gateway.store import Transaction
from gateway.store.models import Base, Operator
from gateway.sync.jobs import Bench
from tests.among_people.looking import look, look_rested
from tests.among_people.model import DOCUMENTED, Care, Model, Rules, Step
from tests.among_people.workers import REPLIES, Crew, answer_of, told
from tests.desk import Desk, desk
from tests.order.profile import examples

STORIES = (
    ("(customer)", "(asked)", "hand_over", "(answers)"),
    ("(customer)", "(asked)", "write", "hand_back", "(answers)"),
    ("(customer)", "(asked)", "copilot_on", "(answers)", "(works)", "(customer)"),
    ("hand_over", "(offers)", "accept"),
    ("hand_over", "accept", "release", "(offers)"),
)
PEOPLE = {"Ann": "operator", "Bob": "operator", "Sam": "admin", "Eve": "viewer"}
WHO = st.sampled_from(["Ann", "Bob", "Sam"])
ANYBODY = st.sampled_from(["Ann", "Ann", "Ann", "Bob", "Bob", "Bob", "Sam", "Sam", "Eve"])
FATES = ("lives", "lives", "lives", "lives", "dies", "dies in its transaction")
WHICH = st.integers(0, 3)
ACTS = (
    "hand_over", "accept", "accept", "assign", "release", "write", "note", "copilot_on",
    "copilot_off", "hand_back", "finish", "decline",
    "(customer)", "(customer)", "(asked)", "(asked)", "(answers)", "(answers)", "(works)",
)  # fmt: skip
SECONDS = (0.5, 4, 21, 46, 61, 121, 301, 901, 1_801, 3_601, 90_000)
KEPT = ("operators", "installations", "alembic_version")

QUICK = (
    Step("accept", 60, "tell_customer", "Still busy: number {position}."),
    Step("accept", 120, "offer_next"),
    Step("accept", 600, "return_to_ai"),
    Step("first_reply", 100, "offer_next"),
    Step("reply", 300, "notify"),
    Step("reply", 900, "return_to_ai"),
)
WORDY = (
    Step("accept", 30, "widen"),
    Step("accept", 60, "tell_customer", "Somebody will come. You are number {position}."),
    Step("accept", 200, "take_message", "Nobody came."),
    Step("first_reply", 50, "tell_customer", "They are reading."),
    Step("first_reply", 100, "return_to_ai"),
    Step("reply", 200, "offer_next"),
)
DESKS = (
    Rules(),
    Rules(round_robin=True),
    Rules(ladder=QUICK),
    Rules(ladder=WORDY, round_robin=True, first_mode="copilot", promise=""),
    Rules(ladder=WORDY, promise="Soon."),
)


class FakePresences:
    """Who is there, without Redis."""

    def __init__(self) -> None:
        self.states: dict[str, Any] = {}

    def read(self) -> Seen:
        return Seen(states=dict(self.states))


def open_desk(stack: ExitStack, url: str, folder: Path, rules: Rules) -> Desk:
    """A gateway that is set up so."""
    ladder = () if rules.ladder is DOCUMENTED else tuple(
        Rung(step=one.step, after_s=one.after, do=one.do, text=one.text)  # type: ignore[arg-type]
        for one in rules.ladder
    )  # fmt: skip
    policy = Policy(native_assignment=False, first_mode=rules.first_mode)  # type: ignore[arg-type]
    it = stack.enter_context(
        desk(
            url, folder, channel={"policy": policy}, ladder=ladder,
            handover_message=rules.promise,
            routing="round_robin" if rules.round_robin else "queue",
        )
    )  # fmt: skip
    it.parts = replace(it.parts, presences=FakePresences())  # type: ignore[arg-type]
    it.bench = Bench(it.parts, it.bench.stopping)
    return it


class AmongPeople(RuleBasedStateMachine):
    """A desk on an ordinary day, and on the worst one."""

    crews: Sequence[Crew]
    people: Mapping[str, Caller]

    @initialize(which=st.integers(0, len(DESKS) - 1))
    def opens(self, which: int) -> None:
        self.crew = self.crews[which]
        self.it = self.crew.it
        self.crew.workers.clear()
        self.crew.numbers = 0
        self.model = self.crew.model = Model(DESKS[which])
        self.names = {caller.id: name for name, caller in self.people.items()}
        self.presences: FakePresences = self.it.parts.presences  # type: ignore[assignment]
        self.presences.states.clear()
        self.numbers = 0

        def forget(db: Transaction) -> None:
            for table in reversed(Base.metadata.sorted_tables):
                if table.name not in KEPT:
                    db.execute(delete(table))
            db.execute(update(Operator).values(offered_at=0, working_hours="always"))

        self.it.database.write(forget)

    # -- the customer ------------------------------------------------------------------------------

    @rule(conversation=st.sampled_from([0, 0, 1, 2]), times=st.sampled_from([1, 1, 1, 3]))
    def customer_says(self, conversation: int, times: int) -> None:
        name = f"c{conversation}"
        for _ in range(times):
            self.says(name)

    def says(self, name: str) -> None:
        self.numbers += 1
        text = f"w{self.numbers}"
        session = self.it.says(text, name)
        self.model.customer(session, name, text, self.it.now)

    # -- people ------------------------------------------------------------------------------------

    def care(self, which: int) -> Care:
        """The newest session of a conversation; 3: the oldest of all."""
        cares = list(self.model.cares.values())
        if which == 3:
            return cares[0]
        newest = {care.conversation: care for care in cares}
        return newest[sorted(newest)[which % len(newest)]]

    @precondition(lambda self: self.model.cares)
    @rule(which=WHICH, acts=st.lists(st.tuples(ANYBODY, st.sampled_from(ACTS), WHO), min_size=1,
                                     max_size=8))  # fmt: skip
    def people_act(self, which: int, acts: list[tuple[str, str, str]]) -> None:
        """On one session, one after the other."""
        care = self.care(which)
        for who, what, other in acts:
            if what.startswith("("):
                self.meanwhile(what, care)
            else:
                self.somebody_acts(who, what, care, other)
            look(self.it, self.model)

    @precondition(lambda self: self.model.cares)
    @rule(which=st.integers(0, 2), who=WHO, story=st.sampled_from(STORIES))
    def it_happens_so(self, which: int, who: str, story: Sequence[str]) -> None:
        """What every one of our promises was made for."""
        self.people_act(which, [(who, what, who) for what in story])

    def meanwhile(self, what: str, care: Care) -> None:
        """What happens between two acts of people: often enough for the rare to be met."""
        self.it.advance(0.001)
        match what:
            case "(customer)":
                self.says(care.conversation)
            case "(asked)":
                for key in self.it.bench.works["turns"].due(10)[:1]:
                    worker = self.crew.start("turns", key)
                    worker.step()
            case "(answers)":
                for worker in self.crew.workers:
                    while not worker.done:
                        worker.step()
            case _:
                self.everything_due_is_done(["deadlines" if what == "(offers)" else "turns"])
        self.reap()

    def somebody_acts(self, who: str, what: str, care: Care, other: str) -> None:
        me, target = self.people[who], self.people[other]
        if who == "Eve":
            with pytest.raises(Forbidden):
                self.act(what, care, me, target)
            return
        expected = self.model.refusal(what, care, me.id, target.id, self.names)
        if what == "decline" and expected is None:
            expected = self.not_offered(care, me)
        if expected is None:
            self.act(what, care, me, target)
            self.expect(what, care, me, target)
            return
        with pytest.raises(Conflict) as refused:
            self.act(what, care, me, target)
        assert refused.value.message.startswith(expected)
        if "already accepted by" in expected:
            assert refused.value.details["responsible"]["id"] == care.who

    def not_offered(self, care: Care, me: Caller) -> str | None:
        offered = [one for one in self.it.offers(care.id) if one.state == "open"]
        if offered and offered[0].operator_id == me.id:
            return None
        return "Session is not offered to you"

    def act(self, what: str, care: Care, me: Caller, target: Caller) -> None:
        it, reception = self.it, self.it.parts.reception
        self.numbers += 1
        match what:
            case "hand_over":
                it.hand_over(care.id, me, reception=reception)
            case "assign":
                person = Person(id=target.id, name=target.name)
                it.act(doors.assign, care.id, me, target=person, link="", reception=reception)
            case "write":
                it.act(doors.write_message, care.id, me, text=f"o{self.numbers}")
            case "note":
                it.act(doors.write_note, care.id, me, text=f"n{self.numbers}")
            case "copilot_on" | "copilot_off":
                it.act(doors.set_copilot, care.id, me, on=what == "copilot_on")
            case "finish":
                it.act(doors.finish, care.id, me, reason="")
            case _:
                it.act(getattr(doors, what), care.id, me)

    def expect(self, what: str, care: Care, me: Caller, target: Caller) -> None:
        model, now = self.model, self.it.now
        match what:
            case "hand_over":
                model.hand_over(care, now)
            case "assign" if care.mode == "ai":
                model.hand_over(care, now, who=target.id)
            case "assign":
                model.hold(care, target.id, now)
            case "accept":
                model.hold(care, me.id, now)
            case "release":
                model.release(care, now)
            case "write":
                if care.mode == "ai":
                    model.to(care, "human")
                    model.hold(care, me.id, now)
                elif care.who in (None, "ai"):
                    model.hold(care, me.id, now)
                model.say(care, f"o{self.numbers}", now, "operator")
            case "copilot_on" | "copilot_off":
                model.to(care, "copilot" if what == "copilot_on" else "human")
                model.hold(care, me.id, now)
            case "hand_back":
                model.give_back(care)
            case "finish":
                model.finish(care)
            case _:
                pass

    @precondition(lambda self: any(care.drafts for care in self.model.cares.values()))
    @rule(who=WHO, which=WHICH, how=st.sampled_from(["sent", "edited", "discarded"]))
    def somebody_takes_up_a_draft(self, who: str, which: int, how: str) -> None:
        drafted = [
            (care, text) for care in self.model.cares.values() for text in reversed(care.drafts)
        ]
        care, text = drafted[which % len(drafted)]
        ids = {row.text: row.message_id for row in self.it.drafts(care.id)}
        self.numbers += 1
        edited = f"e{self.numbers}" if how == "edited" else None
        door: Any = doors.discard_draft if how == "discarded" else doors.send_draft
        more = {} if how == "discarded" else {"text": edited}
        was = care.drafts[text]
        if care.finished or was != "open":
            with pytest.raises(Conflict):
                self.it.act(door, care.id, self.people[who], draft_id=ids[text], **more)
            return
        self.it.act(door, care.id, self.people[who], draft_id=ids[text], **more)
        care.drafts[text] = how
        if how != "discarded":
            if care.who in (None, "ai"):
                self.model.hold(care, self.people[who].id, self.it.now)
            self.model.say(care, edited or text, self.it.now, "operator")

    @rule(who=st.none() | WHO, state=st.sampled_from(["online", "away", "offline"]),
          hours=st.sampled_from(["always", "always", "never"]))  # fmt: skip
    def the_office_changes(self, who: str | None, state: Any, hours: str) -> None:
        """Somebody comes or goes; or working hours begin or end."""
        if who is not None:
            self.presences.states[self.people[who].id] = state
            return

        def edit(db: Transaction) -> None:
            for name in ("Ann", "Bob", "Sam"):
                editing.edit(db, self.people[name].id, {"working_hours": hours}, self.it.now)

        self.it.database.write(edit)
        self.model.open = hours == "always"

    # -- work, time and death ----------------------------------------------------------------------

    @rule(seconds=st.sampled_from(SECONDS))
    def time_passes(self, seconds: float) -> None:
        self.it.advance(seconds)

    @rule(kind=st.sampled_from(["turns", "turns", "deadlines", "upkeep"]), which=WHICH)
    def a_worker_begins(self, kind: str, which: int) -> None:
        """The same piece may be begun by several: none has committed anything yet."""
        due = self.it.bench.works[kind].due(10)
        if due:
            self.crew.start(kind, due[which % len(due)])

    def reap(self) -> None:
        self.crew.workers = [one for one in self.crew.workers if not one.done]

    @precondition(lambda self: self.crew.workers)
    @rule(which=WHICH, reply=st.sampled_from(REPLIES), fate=st.sampled_from(FATES))
    def a_worker_goes_on(self, which: int, reply: str, fate: str) -> None:
        self.it.advance(0.001)
        worker = self.crew.workers[which % len(self.crew.workers)]
        if fate == "lives":
            worker.step(reply)
        else:
            worker.die(inside=fate == "dies in its transaction")
        self.reap()

    @rule(kinds=st.sampled_from([["turns"], ["deadlines"], ["turns", "deadlines", "upkeep"]]))
    def everything_due_is_done(self, kinds: list[str]) -> None:
        for _ in range(30):
            due = [(kind, key) for kind in kinds for key in self.it.bench.works[kind].due(20)]
            for kind, key in due:
                self.it.advance(0.001)
                worker = self.crew.start(kind, key)
                while not worker.done:
                    worker.step()
            self.reap()
            if not due:
                break
        else:
            raise AssertionError("the work never ends")
        if "deadlines" in kinds:
            look_rested(self.it, self.model)

    @precondition(lambda self: self.model.asked_)
    @rule(which=WHICH, reply=st.sampled_from(["words", "handover", "finish", "two"]))
    def an_answer_comes_late(self, which: int, reply: str) -> None:
        """At the reply address, however long ago it was asked and whatever became of it."""
        turns = list(self.model.asked_)[::-1]
        turn = turns[which % len(turns)]
        one = self.model.asked_[turn]
        self.crew.numbers += 1
        answer = answer_of(reply, self.crew.numbers)
        self.it.advance(0.001)

        def record(db: Transaction) -> Any:
            return record_answer(
                db, self.it.terms, turn, one.care.id, answer,
                now=self.it.now, link="", reception=self.it.parts.reception,
            )  # fmt: skip

        if one.answered:
            with pytest.raises(Conflict, match="answered differently"):
                self.it.database.write(record)
            return
        self.it.database.write(record)
        told(self.model, turn, answer, self.it.now)

    # -- what must hold ----------------------------------------------------------------------------

    @invariant()
    def all_is_well(self) -> None:
        if hasattr(self, "model"):
            look(self.it, self.model)

    def teardown(self) -> None:
        if hasattr(self, "crew"):
            self.reap()  # whoever failed is dead already
            for worker in self.crew.workers:
                worker.die(inside=False)


def run(url: str, folder: Path, share: float) -> None:
    """Let it live on one database."""
    with ExitStack() as stack:
        crews = [Crew(open_desk(stack, url, folder, rules)) for rules in DESKS]
        people = {name: crews[0].it.operator(name, role) for name, role in PEOPLE.items()}
        lives = type("Lives", (AmongPeople,), {"crews": crews, "people": people})
        run_state_machine_as_test(lives, settings=examples(share, steps=40))


def test_whatever_happens_at_a_desk(migrated_sqlite_url: str, tmp_path: Path) -> None:
    run(migrated_sqlite_url, tmp_path, 0.3)


def test_whatever_happens_at_a_desk_on_postgresql(
    migrated_postgres_url: str, tmp_path: Path
) -> None:
    run(migrated_postgres_url, tmp_path, 0.1)
