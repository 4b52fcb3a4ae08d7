"""`python -m bench streams`: what open event streams cost, and what they do to webhooks.

One web process, as `gateway up` runs it. A crowd of readers in a process of its own holds streams
open; this one publishes as a worker would (a commit, and the bell through Redis), and sends
webhooks.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from sqlalchemy import text

from bench.each import on_each
from bench.figures import Spread, goal, quantile
from bench.herd import Crowd, herd
from bench.load import closed_loop
from bench.noted import note
from bench.servers import KINDS, Ground, Web, cpu_since
from bench.traffic import Traffic
from gateway import feed
from gateway.clock import to_micros
from gateway.people import operators
from gateway.store import Transaction
from gateway.streams.stream import RETRY_MS
from gateway.wake import impatient_redis
from tests.streams.reader import Reader

MOST_P99_MS = 10.0

_WARM_UP = 600
_BETWEEN_S = 0.03
_QUIET_S = 3.0
_PIECES = 5
"""So many parts of a measurement tell how far its p99 is to be trusted."""


class Measured:
    """One database: a web process, a crowd, and the figures."""

    def __init__(self, place: Ground, options: argparse.Namespace) -> None:
        self._ground = place
        self._options = options
        self._traffic = Traffic()
        self._right = True

    def run(self) -> bool:
        """Measure and print; False if an event was lost or a stream refused."""
        with ExitStack() as stack:
            web = stack.enter_context(_one_process(self._ground))
            self._warm_up(web)
            mine, theirs = self._sessions()
            crowd = Crowd(web, self._tokens(), theirs)
            stack.callback(crowd.stop)
            idle = self._memory(web, crowd)
            self._latency(web, mine, idle)
            if self._options.rounds:
                self._right &= herd(self._ground, web, crowd, self._traffic, self._options)
        return self._right

    def _warm_up(self, web: Web) -> None:
        """Make sessions, and let the server compile its statements."""
        posted = self._traffic.post(_WARM_UP)
        run = closed_loop(
            web.address, iter([one.request for one in posted]), connections=4, seconds=30.0
        )
        assert run.accepted == _WARM_UP, run.statuses

    def _sessions(self) -> tuple[str, str]:
        """A session of which events are published, and one that the crowd looks on."""
        with self._ground.database.read() as db:
            found = db.execute(
                text("SELECT session_id FROM messages WHERE kind = 'message' AND "
                     "session_id IS NOT NULL GROUP BY session_id ORDER BY session_id LIMIT 2")
            ).all()  # fmt: skip
        return str(found[0][0]), str(found[1][0])

    def _tokens(self) -> Path:
        """A token for each reader, as people have them."""
        now = to_micros(self._ground.database.clock.now())

        def add(db: Transaction) -> list[str]:
            one = operators.add(db, email="a@acme.example", name="Ann", role="viewer", now=now)
            return [operators.new_token(db, one.id, now) for _ in range(self._options.streams + 1)]

        tokens = self._ground.database.write(add)
        self._token = tokens.pop()
        path = self._ground.folder / "tokens"
        path.write_text("\n".join(tokens), encoding="utf-8")
        return path

    # -- memory --------------------------------------------------------------------------------

    def _memory(self, web: Web, crowd: Crowd) -> float:
        """What streams cost; return the share of a core that idle ones take."""
        worker = _worker(web)
        count = self._options.streams
        crowd.order(do="open", count=20, spread_s=0)  # what the first ones cost once
        crowd.answer()
        crowd.order(do="close")
        crowd.answer()
        time.sleep(_QUIET_S)
        before, cpu = worker.memory_full_info(), worker.cpu_times()
        crowd.order(do="open", count=count, spread_s=0)
        opened = crowd.answer()
        opening = worker.cpu_times()
        each_ms = 1e3 * (opening.user + opening.system - cpu.user - cpu.system) / count
        self._right &= opened["open"] == count
        time.sleep(_QUIET_S)
        after = worker.memory_full_info()
        cpu = worker.cpu_times()
        time.sleep(self._options.settle)
        idle = worker.cpu_times()
        used: float = (idle.user + idle.system - cpu.user - cpu.system) / self._options.settle
        each_kb = (after.uss - before.uss) / count / 1024
        note(f"{count} open streams: memory each, kB", f"{each_kb:.1f}")
        note("letting one in, ms of CPU", f"{each_ms:.2f}")
        note(f"{count} idle streams, share of a core", f"{100 * used:.1f} %")
        print(
            f"\n{opened['open']} of {count} streams open ({opened['statuses']}): "
            f"{each_kb:.1f} kB of the web process each "
            f"({before.uss / 2**20:.0f} MiB before, {after.uss / 2**20:.0f} MiB after); "
            f"open after {opened['seconds']:.1f} s, {each_ms:.2f} ms of CPU each; "
            f"idle they take {100 * used:.1f} % of a core"
        )
        return used

    # -- publish to receive --------------------------------------------------------------------

    def _latency(self, web: Web, session: str, idle: float) -> None:
        """Publish for one reader among all those that are open, which take `idle` of a core."""
        database = self._ground.database
        database.ring = feed.Bell(impatient_redis(self._ground.redis_url)).ring
        with database.read() as db:
            message, conversation = db.execute(
                text("SELECT id, conversation_id FROM messages WHERE session_id = :session "
                     "AND kind = 'message' LIMIT 1"), {"session": session},
            ).one()  # fmt: skip
        reader = Reader(
            f"http://{web.address[0]}:{web.address[1]}", self._token, f"?session={session}"
        ).opened()
        from_commit, whole = [], []
        worker = _worker(web)
        began_at, cpu, behind = time.monotonic(), worker.cpu_times(), self._ground.database_cpu()
        for _ in range(self._options.events):
            began = time.perf_counter()
            database.write(
                lambda db: feed.tell(
                    db, "message.updated", at=to_micros(database.clock.now()), session_id=session,
                    conversation_id=conversation, message_id=message,
                )
            )  # fmt: skip
            committed = time.perf_counter()
            if reader.next(10.0) is None:
                self._right = False
                continue
            received = time.perf_counter()
            from_commit.append(1e3 * (received - committed))
            whole.append(1e3 * (received - began))
            time.sleep(_BETWEEN_S)
        count = self._options.events
        now = worker.cpu_times()
        used = now.user + now.system - cpu.user - cpu.system
        each_ms = 1e3 * (used - idle * (time.monotonic() - began_at)) / count
        of_server = sum(cpu_since(behind, self._ground.database_cpu()).values())
        reader.close()
        p50, p99 = quantile(from_commit, 0.50), quantile(from_commit, 0.99)
        pieces = Spread.of([quantile(from_commit[n::_PIECES], 0.99) for n in range(_PIECES)])
        print(
            f"an event costs {each_ms:.2f} ms of the web process's CPU, besides what idle streams "
            f"take, and {1e3 * of_server / count:.2f} ms of the database server's, with its commit"
        )
        print(
            f"publish -> receive, one reader of {self._options.streams + 1}: "
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms from the commit "
            f"(of {_PIECES} parts {pieces.text('.1f')}; "
            f"{len(from_commit)} of {count} received); with the commit itself "
            f"p50 {quantile(whole, 0.50):.1f} ms, p99 {quantile(whole, 0.99):.1f} ms"
        )
        note("an event, ms of the web process's CPU", f"{each_ms:.2f}")
        note("publish to receive, p99 of parts, ms", pieces.text(".1f"))
        note("publish to receive, p50 / p99 ms", f"{p50:.1f} / {p99:.1f}",
             f"p99 under {MOST_P99_MS:.0f}", p99 < MOST_P99_MS)  # fmt: skip
        print(goal(f"p99 {p99:.1f} ms, goal under {MOST_P99_MS:.0f} ms", p99 < MOST_P99_MS))


@contextmanager
def _one_process(place: Ground) -> Iterator[Web]:
    web = Web("gateway", 1, place.environment())
    try:
        until = time.monotonic() + 60
        while len(web.cpu()) < 2 or not _answers(web):
            web.check()
            if time.monotonic() > until:
                raise RuntimeError("the web server did not start within 60 s")
            time.sleep(0.2)
        yield web
    finally:
        web.stop()


def _answers(web: Web) -> bool:
    run = closed_loop(
        web.address, iter([b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"]), connections=1, seconds=1
    )
    return run.accepted == 1


def _worker(web: Web) -> psutil.Process:
    """The one process that serves; the other is gunicorn's master."""
    (worker,) = [
        child for child in psutil.Process(web.pid).children(recursive=True) if not child.children()
    ] or [psutil.Process(web.pid)]
    return worker


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 if nothing was lost. Goals are printed, they do not fail."""
    options = _parser().parse_args(arguments)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    right = on_each(options, "", lambda place, given: Measured(place, given).run())
    print(f"{'RIGHT   ' if right else 'WRONG   '}nothing was lost, nobody was refused")
    return 0 if right else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.streams", description=__doc__)
    add = parser.add_argument
    add("--database", choices=KINDS, help="default: both, one after the other")
    add("--streams", type=int, default=2000, help="open at the same time (default 2000)")
    add("--events", type=int, default=1000, help="published for one reader (default 1000)")
    add("--rate", type=float, default=100.0, help="webhooks a second beside (default 100)")
    add("--seconds", type=float, default=10.0, help="of each half of a round (default 10)")
    add("--settle", type=float, default=10.0, help="seconds of idle streams (default 10)")
    add(
        "--spread",
        type=float,
        default=RETRY_MS[1] / 1e3 - RETRY_MS[0] / 1e3,
        help="seconds over which they come back; 0: all at once (default: as we tell them to)",
    )
    add("--rounds", type=int, default=10, help="pairs of measurements (default 10)")
    add("--folder", help="where the databases are put (default: the temporary folder)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
