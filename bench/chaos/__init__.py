"""`python -m bench chaos`: a gateway under load while everything around it, and in it, breaks.

Faults strike one after another, evenly over the time in which customers write. Then everything
comes to rest, one pass over what changed runs, and the record is compared with the channel.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import text

from bench import machine, noted
from bench.chaos.faults import Clock, Fault, Field, Struck, disk_of_our_own, strike
from bench.chaos.lines import line_to
from bench.chaos.load import Town
from bench.chaos.verdict import Verdict, judge, recovery
from bench.figures import table
from bench.servers import DURABLE, KINDS, ROOT, Ground
from bench.stage import Stage, stage, tell_what_the_gateway_said
from gateway.reconciling import passes
from gateway.store import migrate
from intercom_standin.delivery import Delivery
from intercom_standin.server import StandIn
from tests.services import postgres
from tests.services.postgres import PostgresServer, running_postgres

_RETRY_AFTER_S = 5.0
_RATE_LIMIT = 1_000_000
QUIET_WITHIN_S = 600.0
_PASS_WITHIN_S = 1800.0
_OPEN = """
SELECT (SELECT count(*) FROM turns WHERE state IN ('due', 'asking', 'waiting'))
     + (SELECT count(*) FROM pushes WHERE state IN ('owed', 'sending', 'unknown'))
     + (SELECT count(*) FROM conversations WHERE read_due IS NOT NULL)
"""
_NUMBERS = ("messages", "acknowledged", "recorded", "given up by the channel", "answered",
            "given to people", "unanswered", "lost", "doubled", "out of order", "told of late",
            "landed after a takeover", "of these overlapped", "begun after a takeover",
            "pushes sent", "pushes cancelled", "pushes failed")  # fmt: skip


class _Shaken(Ground):
    """A ground whose gateway reaches its database by a line of ours, and has a clock of ours."""

    gateways_url: str
    clock: Path

    def environment(self) -> dict[str, str]:
        """The gateway's environment."""
        wrong = ROOT / "bench" / "chaos" / "wrong_clock"
        return super().environment() | {
            "GATEWAY_DATABASE_URL": self.gateways_url,
            "CHAOS_CLOCK": str(self.clock),
            "PYTHONPATH": f"{wrong}:{ROOT}",
        }


class _Light(list[Delivery]):
    """The notifier's log without bodies: there are many."""

    def append(self, one: Delivery) -> None:
        """Keep what is looked at later."""
        super().append(replace(one, body=b"", headers={}))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    on: Stage
    field: Field
    place: Ground


@contextmanager
def _scene(kind: str, folder: Path) -> Iterator[_Scene]:
    """Put everything up, with lines that can be cut and a disk that can be filled."""
    with ExitStack() as stack:
        mounted = stack.enter_context(disk_of_our_own(folder))
        database: PostgresServer | None = None
        lines = []
        url = gateways_url = f"sqlite:///{folder / 'gateway.db'}"
        if kind == "postgresql":
            database = stack.enter_context(_postgres_in(folder))
            url = database.url(database.create_database())
            line = stack.enter_context(line_to(f"{database.folder}/.s.PGSQL.5432"))
            lines.append(line)
            name = urlsplit(url).path
            gateways_url = f"postgresql+psycopg://postgres@127.0.0.1:{line.port}{name}"
        place = _Shaken(kind, folder, url, "redis://127.0.0.1:1")
        place.gateways_url, place.clock = gateways_url, folder / "clock"
        clock = Clock(place.clock)
        stack.callback(place.database.dispose)
        migrate(url)
        on = stack.enter_context(
            stage(place, rate_limit=_RATE_LIMIT, debounce_s=0.1, thinks_s=0.05)
        )
        address = urlsplit(on.standin.base_url)
        line = stack.enter_context(line_to((str(address.hostname), int(address.port or 0))))
        lines.append(line)
        settings = place.config.read_text(encoding="utf-8")
        there = f"http://127.0.0.1:{line.port}"
        place.config.write_text(settings.replace(on.standin.base_url, there), encoding="utf-8")
        on.standin.notifier.retry_after_s = _RETRY_AFTER_S
        on.standin.notifier.log = _Light()
        on.standin.gate.calls = deque(maxlen=1000)  # type: ignore[assignment]
        gateway = on.up()
        field = Field(
            pid=gateway.pid, folder=folder, standin=on.standin, clock=clock, lines=lines,
            database=database, disk=folder if mounted else None,
        )  # fmt: skip
        yield _Scene(on=on, field=field, place=place)


@contextmanager
def _postgres_in(folder: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL whose cluster lies on the disk that can be filled."""
    postgres.SETTINGS.update(DURABLE)
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        with running_postgres() as server:
            tempfile.tempdir = before
            yield server
    finally:
        tempfile.tempdir = before


def measure(kind: str, folder: Path, options: argparse.Namespace) -> bool:
    """Run everything on one database, print, and tell whether every promise was kept."""
    with _scene(kind, folder) as scene:
        known = scene.field.faults()
        names = options.faults.split(",") if options.faults else list(known)
        left_out = [name for name in names if name not in known]
        faults = [
            replace(known[name], seconds=known[name].seconds * options.shorter)
            for name in names
            if name in known
        ]
        if left_out:
            print(f"  left out, not possible here: {', '.join(left_out)}")
        town = Town(scene.on.standin.world, scene.on.talk)
        seconds = max(
            options.conversations / options.rate,
            sum(fault.seconds + options.calm for fault in faults),
        )
        rate = options.conversations / seconds
        # Here, not on a thread: what is started again, PostgreSQL, goes when its starter ends.
        with ThreadPoolExecutor(1) as pool:
            living = pool.submit(town.live, options.conversations, rate)
            struck = _strike_all(faults, seconds)
            late = living.result()
        quiet_s = until(lambda: is_quiet(scene.on.standin, scene.place), QUIET_WITHIN_S)
        pass_s = None if options.no_pass else _reconcile(scene)
        verdict = judge(
            scene.place, scene.on.standin, scene.on.talk, town.threads, scene.field.clock
        )
        verdict.expect(quiet_s is not None, f"not at rest after {QUIET_WITHIN_S:.0f} s")
        _print(scene, verdict, struck, rate=rate, late=late, quiet_s=quiet_s, pass_s=pass_s)
        if verdict.wrong:
            tell_what_the_gateway_said(scene.place)
        return not verdict.wrong


def _strike_all(faults: Sequence[Fault], seconds: float) -> list[Struck]:
    """Let them strike with equal pauses between them."""
    pause = max(0.0, seconds - sum(one.seconds for one in faults)) / (len(faults) + 1)
    struck = []
    for fault in faults:
        time.sleep(pause)
        struck.append(strike(fault))
    return struck


def is_quiet(standin: StandIn, place: Ground) -> bool:
    """Whether nothing is on its way, owed or in doubt."""
    return standin.notifier.wait_idle(0.01, retries=True) and not place.count(_OPEN)


def _reconcile(scene: _Scene) -> float | None:
    """Run a pass over what changed to its end; return how long it took, None if it does not end."""
    now = int(time.time() * 1e6)

    def begin(db: Any) -> str:
        home = db.scalar(text("SELECT id FROM installations"))
        return passes.begin(db, home, asked_by="command", now=now)

    id = scene.place.database.write(begin)
    ended = "SELECT ended_at IS NOT NULL FROM reconciliations WHERE id = :id"

    def is_over() -> bool:
        with scene.place.database.read() as db:
            return bool(db.scalar(text(ended), {"id": id})) and is_quiet(
                scene.on.standin, scene.place
            )

    return until(is_over, _PASS_WITHIN_S)


def until(holds: Callable[[], object], within_s: float) -> float | None:
    """Wait until something holds; return how long that took, None if it does not come."""
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        if holds():
            return time.monotonic() - began
        time.sleep(0.2)
    return None


def _print(
    scene: _Scene,
    verdict: Verdict,
    struck: Sequence[Struck],
    *,
    rate: float,
    late: float,
    quiet_s: float | None,
    pass_s: float | None,
) -> None:
    rows = [("fault", "s", "wrote meanwhile", "answered", "all s after its end")]
    for one in struck:
        wrote, answered, after = recovery(scene.on.talk, one)
        rows.append((one.name, f"{one.ended - one.began:.0f}", str(wrote), str(answered),
                     f"{after:.1f}"))  # fmt: skip
        noted.note(f"{one.name}: last answer after its end, s", f"{after:.1f} (of {answered})")
    print(table(rows))
    rest, took = (quiet_s or float("nan")), (pass_s or float("nan"))
    print(f"  {rate:.1f} conversations a second began, at worst {late:.1f} s late")
    print(f"  at rest after {rest:.0f} s; the pass took {took:.0f} s")
    if scene.field.disk is not None:
        print(f"  {shutil.disk_usage(scene.field.disk).used / 2**20:.0f} MB on its disk")
    print("  " + ", ".join(f"{verdict.numbers[name]} {name}" for name in _NUMBERS))
    goals = {"lost": "0", "doubled": "0", "begun after a takeover": "0", "unanswered": "0"}
    noted.note("conversations", str(len(scene.on.standin.world.conversations)))
    noted.note("at rest after / the pass took, s", f"{rest:.0f} / {took:.0f}")
    for name in _NUMBERS:
        number, goal = verdict.numbers[name], goals.get(name, "")
        noted.note(f"faults: {name}", str(number), goal, number == 0 if goal else None)
    for line in verdict.wrong[:30]:
        print(f"  {line}")
    print("RIGHT" if not verdict.wrong else f"WRONG: {len(verdict.wrong)}")


def main(arguments: Sequence[str]) -> int:
    """Run it on one database or both; 0 if every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m bench chaos", description=__doc__)
    parser.add_argument("--database", choices=KINDS, help="one of them (default: both)")
    parser.add_argument("--conversations", type=int, default=10_000, help="how many (10000)")
    parser.add_argument("--rate", type=float, default=10.0, help="begun in a second, at most (10)")
    parser.add_argument("--faults", default="", help="their names, with commas (default: all)")
    parser.add_argument("--shorter", type=float, default=1.0, help="lengths of faults, times this")
    parser.add_argument("--calm", type=float, default=5.0, help="seconds between faults, at least")
    parser.add_argument("--no-pass", action="store_true", help="judge without a pass before it")
    parser.add_argument("--folder", default=None, help="where the databases lie")
    options = parser.parse_args(arguments)
    right = True
    folder = Path(tempfile.mkdtemp(prefix="gw-chaos-", dir=options.folder))
    folder.chmod(0o755)  # PostgreSQL runs as nobody, and must find its cluster
    try:
        print("\n".join(machine.describe(folder)))
        for kind in [options.database] if options.database else KINDS:
            print(f"\n{kind}, {options.conversations} conversations")
            (folder / kind).mkdir()
            with noted.on(kind):
                right &= measure(kind, folder / kind, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
