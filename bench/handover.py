"""`python -m bench.handover`: how long handing over takes, while AI answers are on their way.

Once `POST …/handover` is answered, the AI can no longer begin to speak in that session: so the time
until it is silent is the request itself. Sessions are handed over at random moments, `--rate` in a
second, whatever the gateway does; in some of them the customer writes just before, so that an
answer is being thought out, owed or sent when the handover comes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import text

from bench.each import on_each
from bench.figures import quantile, table
from bench.load import Run, open_loop
from bench.noted import note
from bench.servers import KINDS, Ground
from bench.stage import Stage, stage, tell_what_the_gateway_said
from gateway.people import operators

RATE_LIMIT = 1_000_000
# So many that none of them comes near the limit of calls that a token may make.
_OPERATORS = 8
_CONNECTIONS = 64
_PREPARED_A_SECOND = 25.0
_QUIET_WITHIN_S = 120.0
# The customer writes in a session that is handed over about this much later, at most.
_AHEAD_S = 0.6

_OPEN = "SELECT count(*) FROM turns WHERE state IN ('due', 'asking', 'waiting')"
_UNSENT = "SELECT count(*) FROM pushes WHERE role = 'answer' AND state IN ({})"
_PUSHES = """
SELECT p.session_id, p.state, p.begun_at, p.overlapped FROM pushes p WHERE p.role = 'answer'
"""
_SESSIONS = """
SELECT c.external_id, s.id FROM chat_sessions s JOIN conversations c ON c.id = s.conversation_id
"""


@dataclass(slots=True)
class Threads:
    """The customers, and what they wrote when: marks lead to conversations."""

    on: Stage
    ids: list[str] = field(default_factory=list)
    marks: dict[str, str] = field(default_factory=dict)
    # Conversations in which a customer wrote shortly before the handover.
    disturbed: set[str] = field(default_factory=set)

    def begin(self, count: int, rate: float) -> None:
        """Let customers begin conversations, evenly."""
        for _ in range(count):
            mark, words = self._words()
            started = self.on.standin.world.customer_starts(words, name=f"Customer {mark}")
            self.ids.append(str(started.conversation_id))
            self.marks[mark] = self.ids[-1]
            time.sleep(1 / rate)

    def write(self, conversation: str) -> None:
        """Let a customer write once more."""
        mark, words = self._words()
        self.marks[mark] = conversation
        self.disturbed.add(conversation)
        self.on.standin.world.customer_replies(conversation, words)

    def _words(self) -> tuple[str, str]:
        mark = f"q{len(self.marks):06d}"
        return mark, f"Where is my parcel? My order has the number {mark}."


class Handovers:
    """Hands over one session after the other from a process of its own, and customers write."""

    def __init__(
        self, threads: Threads, sessions: Sequence[str], tokens: Sequence[str], port: int
    ) -> None:
        self._threads = threads
        self._requests = [
            _request(session, tokens[number % len(tokens)])
            for number, session in enumerate(sessions)
        ]
        self._port = port
        self._done = threading.Event()
        self._random = random.Random(0)

    def run(self, first: int, seconds: float, rate: float, writing: float) -> Run:
        """Hand over at `rate` from session `first` on; customers write `writing` times a second."""
        context = multiprocessing.get_context("spawn")
        at = context.Value("i", 0)
        with ProcessPoolExecutor(1, context, initializer=_remember, initargs=(at,)) as pool:
            pool.submit(time.sleep, 0).result()  # it has started and imported
            writer = threading.Thread(target=self._write, args=(at, first, rate, writing))
            writer.start()
            try:
                return pool.submit(
                    _fire, self._port, self._requests[first:], seconds, rate
                ).result()
            finally:
                self._done.set()
                writer.join()
                self._done.clear()

    def _write(self, at: Any, first: int, rate: float, writing: float) -> None:
        ids = self._threads.ids
        while writing and not self._done.wait(self._random.expovariate(writing)):
            ahead = first + at.value + self._random.randint(0, int(_AHEAD_S * rate))
            if ahead < len(ids) and ids[ahead] not in self._threads.disturbed:
                self._threads.write(ids[ahead])


_at: Any = None


def _remember(at: Any) -> None:
    """Take the number that tells the other process how far this one is."""
    global _at
    _at = at


def _fire(port: int, requests: Sequence[bytes], seconds: float, rate: float) -> Run:
    def counted() -> Iterator[bytes]:
        for number, request in enumerate(requests):
            _at.value = number
            yield request

    return open_loop(
        ("127.0.0.1", port), counted(), connections=_CONNECTIONS, seconds=seconds, rate=rate
    )


def _request(session: str, token: str) -> bytes:
    body = json.dumps({"reason": "the customer is upset"}).encode()
    lines = [
        f"POST /api/v1/sessions/{session}/handover HTTP/1.1", "Host: 127.0.0.1",
        f"Authorization: Bearer {token}", "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]  # fmt: skip
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def measure(place: Ground, options: argparse.Namespace) -> bool:
    """Run everything on one database, print, and tell whether nobody spoke who may not."""
    # Arrivals are random, so there may be more than on average.
    count = int(1.5 * (options.warm_up + options.seconds) * options.rate) + 15
    with stage(place, rate_limit=RATE_LIMIT, debounce_s=0.0, thinks_s=options.thinks) as on:
        on.up()
        port = urlsplit(on.standin.notifier.url or "").port or 0
        threads = Threads(on)
        tokens = place.database.write(_employ)
        threads.begin(count, _PREPARED_A_SECOND)
        _wait(place, on, len(threads.ids))
        with place.database.read() as db:
            known = {row[0]: row[1] for row in db.execute(text(_SESSIONS))}
        sessions = [known[conversation] for conversation in threads.ids]
        handovers = Handovers(threads, sessions, tokens, port)
        first = handovers.run(0, options.warm_up, options.rate, options.writing)
        measured = handovers.run(first.taken, options.seconds, options.rate, options.writing)
        _quiet(place)
        runs = ((0, first), (first.taken, measured))
        silent_at = {
            sessions[begins + number]: moment
            for begins, run in runs
            for number, moment in run.answered_at.items()
        }
        session_of = {mark: known[thread] for mark, thread in threads.marks.items()}
        disturbed = {known[thread] for thread in threads.disturbed}
        return _print(place, on, measured, runs, silent_at, session_of, disturbed)


def _employ(db: Any) -> list[str]:
    now = int(time.time() * 1e6)
    added = [
        operators.add(
            db, email=f"{n}@bench.example", name=f"Operator {n}", role="operator", now=now
        )
        for n in range(_OPERATORS)
    ]
    return [operators.new_token(db, one.id, now) for one in added]


def _wait(place: Ground, on: Stage, sessions: int) -> None:
    """Wait until every session has its first answer."""
    until = time.monotonic() + _QUIET_WITHIN_S
    while len(on.talk.replies) < sessions or _busy(place):
        if time.monotonic() > until:
            raise RuntimeError(f"{len(on.talk.replies)} of {sessions} sessions were answered")
        time.sleep(0.2)


def _quiet(place: Ground) -> None:
    """Wait until the AI owes nothing any more."""
    until = time.monotonic() + _QUIET_WITHIN_S
    while _busy(place):
        if time.monotonic() > until:
            raise RuntimeError("the AI's answers did not come to an end")
        time.sleep(0.2)
    time.sleep(1.0)


def _busy(place: Ground) -> int:
    unsent = _UNSENT.format("'owed', 'sending', 'unknown'")
    return place.count(_OPEN) + place.count(unsent)


def _print(
    place: Ground,
    on: Stage,
    measured: Run,
    runs: Sequence[tuple[int, Run]],
    silent_at: dict[str, float],
    session_of: dict[str, str],
    disturbed: set[str],
) -> bool:
    shares = (0.50, 0.90, 0.99, 1.0)
    took = [1e3 * one for one in measured.latencies]
    rows = [["ms", "p50", "p90", "p99", "longest"]]
    rows.append(["POST …/handover -> 200", *(f"{quantile(took, s):.1f}" for s in shares)])
    print(table(rows))
    with place.database.read() as db:
        pushes = db.execute(text(_PUSHES)).all()
    late = overlapped = cancelled = 0
    for session, state, begun_at, overlaps in pushes:
        moment = silent_at.get(session)
        if moment is None:
            continue
        late += begun_at is not None and begun_at > 1e6 * moment
        overlapped += bool(overlaps)
        cancelled += state == "cancelled"
    landed = Counter(
        session_of[mark]
        for at, marks in on.talk.replies
        for mark in marks
        if at > silent_at.get(session_of[mark], at)
    )
    discarded = place.count("SELECT count(*) FROM turns WHERE state = 'discarded'")
    busy = sum(run.statuses[503] for _, run in runs)
    refused = sum(sum(run.statuses.values()) - run.accepted for _, run in runs) - busy
    told = place.count("SELECT count(*) FROM chat_sessions WHERE mode = 'human'")
    alone = place.count("SELECT count(*) FROM chat_sessions WHERE mode = 'ai'")
    per_second = measured.accepted / measured.seconds
    print(
        f"  {measured.accepted} handovers measured, {per_second:.1f} in a second; "
        f"the generator took {measured.busy:.2f} of a core\n"
        f"  in {len(disturbed & silent_at.keys())} of all {len(silent_at)} sessions the customer "
        f"had just written: {discarded} answers were not thought out or discarded, {cancelled} "
        f"cancelled before they began, {overlapped} were on the wire, of which "
        f"{landed.total()} landed after the 200\n"
    )
    note(f"POST …/handover at {per_second:.0f} a second, p50 / p90 / p99 ms",
         " / ".join(f"{quantile(took, share):.0f}" for share in shares[:3]))  # fmt: skip
    note("answers of the AI that began after the 200", str(late), "0", late == 0)
    right = (
        late == refused == 0
        and told == len(silent_at)
        and landed.total() <= overlapped
        and max(landed.values(), default=0) <= 1
    )
    print(
        f"{'RIGHT   ' if right else 'WRONG   '}{len(silent_at)} handed over, {told} sessions with "
        f"people, {alone} with the AI; {refused} refused, {busy} answered 503; "
        f"{late} answers of the AI began after the 200"
    )
    if not right:
        tell_what_the_gateway_said(place)
    return right


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 if no answer of the AI began after a handover's 200, else 1."""
    options = _parser().parse_args(arguments)
    conditions = (
        f": {options.rate:g} handovers/s for {options.seconds:g} s, "
        f"{options.writing:g} messages/s of customers in sessions that are about to be "
        f"handed over, an agent that takes {1e3 * options.thinks:.0f} ms"
    )
    return 0 if on_each(options, conditions, measure) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.handover", description=__doc__)
    add = parser.add_argument
    add("--database", choices=KINDS, help="default: both, one after the other")
    add("--seconds", type=float, default=15.0, help="of measurement (default 15)")
    add("--warm-up", type=float, default=2.0, help="seconds that are not measured (default 2)")
    add("--rate", type=float, default=50.0, help="handovers in a second (default 50)")
    add("--writing", type=float, default=8.0, help="customers' messages in a second (default 8)")
    add("--thinks", type=float, default=0.05, help="seconds the agent takes (default 0.05)")
    add("--folder", help="where the databases are put (default: the temporary folder)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
