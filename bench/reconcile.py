"""`python -m bench reconcile`: what a pass over many changed conversations costs live customers.

Customers write at a steady rate and are answered, all the time the same; in every other round a
pass reads thousands of conversations that changed unheard. `--kill 5` adds a round in which the
worker that reads is killed five times. The gateway is a whole `gateway up` in processes of its own.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from bench.backlog import Backlog
from bench.each import on_each
from bench.figures import Spread, goal, quantile, table
from bench.noted import note
from bench.servers import KINDS, Ground
from bench.sidelook import Sidelook, busiest
from bench.stage import Customers, Stage, stage, tell_what_the_gateway_said
from bench.traffic import CHANNEL
from gateway.config import load_settings
from gateway.inbox import pinned
from gateway.reading.passes import find_pass
from gateway.reconciling import passes
from gateway.store.models import Doubt
from gateway.wiring import Parts, build
from intercom_standin.gate import DEFAULT_LIMIT, WINDOW_S
from tests.healing.truth import differences

MOST_RATIO = 1.2
_ENDS_WITHIN_S = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What `differences` compares: the record and the workspace."""

    parts: Parts
    world: Any


@dataclass(slots=True, kw_only=True)
class Round:
    """One stretch of live traffic, alone or beside a pass."""

    took_ms: list[float]
    late_ms: float
    windows: int
    refused: int
    ours: float
    # Of a pass only.
    seconds: float = 0.0
    read: int = 0
    done: dict[str, Any] | None = None
    look: Sidelook | None = None


class Rounds:
    """Plays the rounds on one stage and remembers what they came to."""

    def __init__(self, on: Stage, parts: Parts, options: Any) -> None:
        self.gateway_pid = 0
        self._on = on
        self._parts = parts
        self._options = options
        self._customers = Customers(on.standin, on.talk, options.debounce)
        self.backlog = Backlog(on.place, on.standin)

    def warm_up(self) -> None:
        """Let everything have happened once."""
        self._customers.write(self._options.warm_up, self._options.rate)
        self._on.talk.wait_for_answers()

    def alone(self) -> Round:
        """Live traffic and nothing else."""
        with self._measured() as one:
            one.late_ms = 1e3 * self._customers.write(self._options.seconds, self._options.rate)
        return one

    def beside_a_pass(self, kills: int = 0) -> Round:
        """The same while a pass reads all of the backlog; afterwards wait for the pass's end."""
        began = time.time()
        id = self._begin()
        look = Sidelook(lambda: self._read(id), self.gateway_pid)
        if kills:
            every = len(self.backlog.threads) // (kills + 1)
            look.kill_at = [every * (kill + 1) for kill in range(kills)]
        with look, self._measured() as one:
            while not self._is_read(id, began):
                late = self._customers.write(1.0, self._options.rate)
                one.late_ms = max(one.late_ms, 1e3 * late)
            one.seconds = time.time() - began
        one.read = self._read(id)
        one.done, one.look = self._left(id) if self._options.leave_young else self._ended(id), look
        return one

    @contextmanager
    def _measured(self) -> Iterator[Round]:
        on, calls = self._on, self._on.standin.requests
        calls.clear()
        one = Round(took_ms=[], late_ms=0.0, windows=0, refused=0, ours=0.0)
        since, used = time.time(), time.process_time()
        yield one
        until = time.time()
        one.ours = (time.process_time() - used) / (until - since)
        on.talk.wait_for_answers()
        one.took_ms = [1e3 * took for took in on.talk.seconds(since, until)]
        one.windows = busiest([call.at for call in calls], WINDOW_S)
        one.refused = sum(call.status == 429 for call in calls)

    def _begin(self) -> str:
        parts = self._parts
        with parts.database.read() as db:
            home = pinned(db, parts.channels[CHANNEL])
        if home is None:
            raise RuntimeError("the gateway has heard of nobody")
        now = int(time.time() * 1e6)
        return parts.database.write(lambda db: passes.begin(db, home, asked_by="command", now=now))

    def _read(self, id: str) -> int:
        with self._parts.database.read() as db:
            return int(find_pass(db, id)["read"])

    def _is_read(self, id: str, began: float) -> bool:
        """True once everything that changed unheard was read; live conversations are too young."""
        with self._parts.database.read() as db:
            if find_pass(db, id)["listed_at"] is None:
                return False
            old = int((began - 90) * 1e6)
            left = select(func.count()).where(Doubt.doubted_at < old)
            return not db.scalar(left)

    def _left(self, id: str) -> dict[str, Any]:
        with self._parts.database.read() as db:
            return find_pass(db, id)

    def _ended(self, id: str) -> dict[str, Any]:
        until = time.monotonic() + _ENDS_WITHIN_S
        while time.monotonic() < until:
            with self._parts.database.read() as db:
                seen = find_pass(db, id)
            if seen["ended_at"] is not None:
                return seen
            time.sleep(0.2)
        raise RuntimeError(f"the pass does not end: {seen}")


def measure(place: Ground, options: argparse.Namespace) -> bool:
    """Run everything on one database, print, and tell whether the record is the truth."""
    with stage(
        place, rate_limit=options.limit, debounce_s=options.debounce, thinks_s=0.0
    ) as on:  # fmt: skip
        with place.config.open("a", encoding="utf-8") as config:
            config.write("reconcile_every_s = 0\n")  # when we say so
        parts = build(load_settings(place.environment()))
        on.stack.callback(parts.database.dispose)
        rounds = Rounds(on, parts, options)
        rounds.backlog.begin(options.conversations)
        rounds.gateway_pid = on.up().pid
        rounds.warm_up()
        alone, beside, right = [], [], True
        kinds = [(True, 0)] * options.rounds
        kinds += [] if options.kill is None else [(False, options.kill)]
        learned: list[dict[str, int]] = []
        for number, (paired, kills) in enumerate(kinds):
            expected = rounds.backlog.change()
            if paired:
                alone.append(rounds.alone())
            one = rounds.beside_a_pass(kills)
            assert one.done is not None
            learned.append(one.done["drift"])
            wrong = differences(Seen(parts=parts, world=on.standin.world))
            right &= _tell_round(number, options, one, expected, wrong)
            if paired:
                print("   ", _p99s(alone[-1], one))
                beside.append(one)
        if beside:
            _print(options, alone, beside)
        dropped = len(on.standin.notifier.dropped)
        answers = on.talk.answers()
        unanswered = len(on.talk.meant) - len(answers)
        twice = sum(number > 1 for number in answers.values())
        right &= unanswered == twice == dropped == 0
        print(
            f"{'RIGHT   ' if right else 'WRONG   '}{len(on.talk.meant)} live messages, "
            f"{unanswered} unanswered, {twice} answered twice, {dropped} notifications dropped"
        )
        if not right:
            tell_what_the_gateway_said(place)
    return right


def _p99s(alone: Round, beside: Round) -> str:
    both = (quantile(alone.took_ms, 0.99), quantile(beside.took_ms, 0.99))
    return f"p99 {both[0]:.0f} ms alone, {both[1]:.0f} ms beside: {both[1] / both[0]:.2f}"


def _tell_round(
    number: int, options: Any, one: Round, expected: Counter[str], wrong: Sequence[str]
) -> bool:
    assert one.done is not None
    assert one.look is not None
    done, look = one.done, one.look
    right = not wrong and done["drift"] == dict(expected) and one.refused == 0
    right &= done["repaired"] == options.conversations and one.windows <= options.limit
    memory = look.memory
    print(
        f"  pass {number + 1}: {one.read} read in {one.seconds:.0f} s "
        f"({one.read / one.seconds:.0f}/s), {done['repaired']} repaired, "
        f"{done['waiting']} waiting, learned {done['drift']}\n"
        f"    {look.killed} killed; at most {one.windows} calls in {WINDOW_S} s (limit "
        f"{options.limit}), {one.refused} answered 429; sync worker {memory}"
    )
    if not right:
        print(f"    WRONG: expected {dict(expected)}; {len(wrong)} differences: {wrong[:5]}")
    return right


def _print(options: Any, alone: Sequence[Round], beside: Sequence[Round]) -> None:
    debounce_ms = 1e3 * options.debounce
    rows = [["", "alone", "beside a pass", "ratio"]]
    for name, less in (("message -> reply", 0.0), ("without the debounce", debounce_ms)):
        for share in (0.5, 0.9, 0.99):
            pairs = [
                (quantile(one.took_ms, share) - less, quantile(other.took_ms, share) - less)
                for one, other in zip(alone, beside, strict=True)
            ]
            rows.append(
                [
                    f"{name}, p{100 * share:.0f} ms",
                    Spread.of([one for one, _ in pairs]).text(),
                    Spread.of([other for _, other in pairs]).text(),
                    Spread.of([other / one for one, other in pairs]).text(".2f"),
                ]
            )
    rows.append(["customers and stand-in, cores", *(
        Spread.of([one.ours for one in some]).text(".2f") for some in (alone, beside)
    ), ""])  # fmt: skip
    rows.append(["a message written late at most, ms", *(
        Spread.of([one.late_ms for one in some]).text() for some in (alone, beside)
    ), ""])  # fmt: skip
    rows.append(["messages", *(
        str(sum(len(one.took_ms) for one in some)) for some in (alone, beside)
    ), ""])  # fmt: skip
    print(table(rows))
    pooled = [
        quantile([took for one in some for took in one.took_ms], 0.99) for some in (alone, beside)
    ]
    ratios = Spread.of([
        quantile(other.took_ms, 0.99) / quantile(one.took_ms, 0.99)
        for one, other in zip(alone, beside, strict=True)
    ])  # fmt: skip
    print(f"  p99 of all rounds together: {pooled[0]:.0f} and {pooled[1]:.0f} ms, "
          f"{pooled[1] / pooled[0]:.2f}")  # fmt: skip
    reached = ratios.median <= MOST_RATIO
    note("p99 of live answers beside a pass, to that without", ratios.text(".2f"),
         f"at most {MOST_RATIO}", reached)  # fmt: skip
    print(goal(f"p99 {ratios.text('.2f')} times that without a pass, goal {MOST_RATIO}", reached))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 if the record became the truth and the limit was kept, else 1."""
    options = _parser().parse_args(arguments)
    conditions = (
        f": {options.conversations} changed conversations, {options.rate:g} live "
        f"messages/s, debounce {options.debounce:g} s, limit {options.limit} in "
        f"{WINDOW_S} s, {options.rounds} rounds"
    )
    return 0 if on_each(options, conditions, measure) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench reconcile", description=__doc__)
    add = parser.add_argument
    add("--database", choices=KINDS, default="sqlite", help="default: sqlite")
    add("--conversations", type=int, default=5000, help="that changed unheard (default 5000)")
    add("--rounds", type=int, default=3, help="without a pass and beside one (default 3)")
    add("--kill", type=int, help="one more round, in which the reading worker is killed so often")
    add("--seconds", type=float, default=60.0, help="of a round without a pass (default 60)")
    add("--warm-up", type=float, default=5.0, help="seconds that are not measured (default 5)")
    add("--rate", type=float, default=8.0, help="messages in a second (default 8)")
    add("--debounce", type=float, default=1.0, help="the agent's debounce_s (default 1)")
    add("--limit", type=int, default=DEFAULT_LIMIT, help="calls in 10 s (default Intercom's)")
    add(
        "--leave-young",
        action="store_true",
        help="do not wait for the pass's end: it reads what was just said when it is 90 s old",
    )
    add("--folder", help="where the database is put (default: the temporary folder)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
