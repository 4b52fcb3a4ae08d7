"""Every process is restarted under load, one after the other; then a third is killed at once."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from bench.chaos import QUIET_WITHIN_S, is_quiet, until
from bench.chaos.faults import Clock, Struck
from bench.chaos.load import Town
from bench.chaos.verdict import Verdict, judge, recovery
from bench.figures import Spread, table
from bench.noted import note
from bench.scale.company import Balancer, Company, Member, company
from bench.scale.readers import Caller, Follower, looking_on
from bench.servers import Ground
from bench.stage import Stage, stage, tell_what_the_gateway_said
from bench.traffic import CHANNEL
from gateway.people import operators

_RATE_LIMIT = 1_000_000
_RETRY_AFTER_S = 5.0
_FOLLOWERS = 5
# Longer than a reader rests before it comes back.
_BACK_WITHIN_S = 8.0
_PLACES = "SELECT place FROM journal WHERE kind = 'message.created' AND place > :first"


@dataclass(slots=True)
class _Told:
    """What happened when."""

    # Name, seconds until it had ended, its status, seconds until another was there, and when.
    restarts: list[tuple[str, float, int, float, float]] = field(default_factory=list)
    rolling: Struck = field(default_factory=lambda: Struck(name="rolling restart", began=0.0))
    kills: list[Struck] = field(default_factory=list)


def measure(place: Ground, options: argparse.Namespace) -> bool:
    """Run it, print, and tell whether everything was kept and nobody saw an error."""
    roles = options.processes.split(",")
    with (
        stage(place, rate_limit=_RATE_LIMIT, debounce_s=0.1, thinks_s=0.05) as on,
        company(place, roles, drain_s=options.drain) as ours,
    ):
        ports = [one.port for one in ours.of("web")]
        balancer = Balancer(ports)
        with balancer.running() as line:
            balancer.wait_for(ports)
            on.standin.notifier.url = f"http://127.0.0.1:{line.port}/webhooks/{CHANNEL}"
            on.standin.notifier.retry_after_s = _RETRY_AFTER_S
            token = place.database.write(_employ)
            caller = Caller(line.port, token)
            followers = [Follower(line.port, token) for _ in range(_FOLLOWERS)]
            town = Town(on.standin.world, on.talk)
            with looking_on([caller], followers):
                told = _live(town, ours, balancer, options)
                quiet_s = until(lambda: is_quiet(on.standin, place), QUIET_WITHIN_S)
                time.sleep(_BACK_WITHIN_S)
        verdict = judge(place, on.standin, on.talk, town.threads, Clock(place.folder / "clock"))
        verdict.expect(quiet_s is not None, f"not at rest after {QUIET_WITHIN_S:.0f} s")
        for name, _, status, *_ in told.restarts:
            verdict.expect(status == 0, f"{name} ended with status {status}")
        _tell_restarts(verdict, on, told, caller, followers)
        _tell_kills(verdict, on, told)
        _tell_streams(verdict, place, followers, told)
        return _end(place, verdict)


def _employ(db: Any) -> str:
    now = int(time.time() * 1e6)
    one = operators.add(db, email="o@bench.test", name="O", role="admin", now=now)
    return operators.new_token(db, one.id, now)


def _live(town: Town, ours: Company, balancer: Balancer, options: argparse.Namespace) -> _Told:
    """Customers write all the time; what is started is started here, where its leash is held."""
    told = _Told()
    with ThreadPoolExecutor(1) as pool:
        living = pool.submit(town.live, 1_000_000, options.rate)
        try:
            time.sleep(options.calm)
            told.rolling.began = time.time()
            roles = options.restart or options.processes
            for one in ours.of(*roles.split(",")):
                told.restarts.append(_restart(one, ours, balancer))
                time.sleep(options.calm)
            told.rolling.ended = time.time()
            for number in range(options.kills):
                told.kills.append(_kill_a_third(number, ours, balancer))
                time.sleep(options.calm)
        finally:
            town.close()
            late_s = living.result()
    print(f"  customers and teammates acted at worst {late_s:.1f} s late")
    return told


def _restart(
    one: Member, ours: Company, balancer: Balancer
) -> tuple[str, float, int, float, float]:
    began = time.time()
    stopped_s, status = ours.stop(one)
    started_s = ours.start(one)
    if one.port:
        balancer.wait_for([one.port])
    return one.name, stopped_s, status, started_s, began


def _kill_a_third(number: int, ours: Company, balancer: Balancer) -> Struck:
    """Kill one web process, one scheduler and workers, each time others."""
    chosen = [_turn(ours.of("web"), number), _turn(ours.of("scheduler"), number)]
    workers = ours.of("turns", "deliver", "sync")
    while len(chosen) < max(1, round(len(ours.members) / 3)):
        chosen.append(_turn(workers, number + len(chosen) - 2))
    struck = Struck(name=", ".join(one.name for one in chosen), began=time.time())
    ours.kill(chosen)
    time.sleep(0.2)  # until the kernel has told
    ours.wait_for(ours.members)
    balancer.wait_for([one.port for one in ours.of("web")])
    struck.ended = time.time()
    return struck


def _turn(some: Sequence[Member], number: int) -> Member:
    return some[number % len(some)]


# -- what came of it -------------------------------------------------------------------------------


def _tell_restarts(
    verdict: Verdict, on: Stage, told: _Told, caller: Caller, followers: Sequence[Follower]
) -> None:
    during = told.rolling
    wrong = [one.at for one in on.standin.notifier.log if not one.ok]
    wrong += [at for at, status in caller.answers if status != 200]
    ends = [began for *_, began in told.restarts[1:]] + [during.ended]
    rows = [("restarted", "ended after s", "status", "another there after s", "errors meanwhile")]
    for (name, a, status, b, began), end in zip(told.restarts, ends, strict=True):
        errors_then = sum(began <= at < end for at in wrong)
        rows.append((name, f"{a:.1f}", str(status), f"{b:.1f}", str(errors_then)))
    print(table(rows))
    posted = [one for one in on.standin.notifier.log if during.began <= one.at <= during.ended]
    asked = [status for at, status in caller.answers if during.began <= at <= during.ended]
    errors = Counter(str(one.status or one.error) for one in posted if not one.ok)
    errors += Counter(f"API {status}" for status in asked if status != 200)
    errors += Counter(
        f"stream {status}"
        for one in followers
        for at, status in one.refused
        if during.began <= at <= during.ended
    )
    count = len(posted) + len(asked)
    print(
        f"  {during.ended - during.began:.0f} s of restarts: {len(posted)} notifications, "
        f"{len(asked)} calls of the API; {errors.total()} errors {dict(errors) or ''}"
    )
    verdict.expect(not errors, f"errors while processes were restarted: {dict(errors)}")
    note("rolling restart under load: errors, of so many requests",
         f"{errors.total()} of {count}", "0", not errors)  # fmt: skip
    for role, name in (("web", "web process, with its drain"), ("", "worker or scheduler")):
        took = [b for n, b, *_ in told.restarts if n.startswith("web") == (role == "web")]
        if took:
            note(
                f"rolling restart under load: a {name} ended after, s", Spread.of(took).text(".1f")
            )


def _tell_kills(verdict: Verdict, on: Stage, told: _Told) -> None:
    if not told.kills:
        return
    rows = [("killed at once", "all there again after s", "wrote meanwhile", "answered",
             "the last one s later")]  # fmt: skip
    for one in told.kills:
        wrote, answered, after = recovery(on.talk, one)
        rows.append((one.name, f"{one.ended - one.began:.1f}", str(wrote), str(answered),
                     f"{after:.1f}"))  # fmt: skip
    print(table(rows))
    note("a third killed at once: all there again after, s",
         Spread.of([one.ended - one.began for one in told.kills]).text(".1f"))  # fmt: skip
    note("a third killed at once: the last who wrote meanwhile was answered, s after that",
         f"{max(recovery(on.talk, one)[2] for one in told.kills):.1f}")  # fmt: skip


def _tell_streams(
    verdict: Verdict, place: Ground, followers: Sequence[Follower], told: _Told
) -> None:
    during = told.rolling
    ends = [end for one in followers for end in one.ends]
    rolled = [clean for at, clean in ends if during.began <= at <= during.ended]
    missed = twice = 0
    for one in followers:
        if one.first is None:
            verdict.expect(False, "a stream never began")
            continue
        with place.database.read() as db:
            places = set(db.scalars(text(_PLACES), {"first": one.first}))
        missed += len(places - one.told.keys())
        twice += sum(number > 1 for number in one.told.values())
    broken = sum(not clean for clean in rolled)
    print(f"  {len(followers)} streams: ended {len(rolled)} times by restarts, {broken} of them in "
          f"the midst, and {len(ends) - len(rolled)} times by kills; "
          f"{missed} messages missed, {twice} told twice")  # fmt: skip
    verdict.expect(not broken, f"{broken} streams ended in the midst of something")
    verdict.expect(not missed and not twice, f"streams: {missed} missed, {twice} told twice")
    note("event streams through all of it: messages missed / told twice", f"{missed} / {twice}",
         "0 / 0", not missed and not twice)  # fmt: skip


def _end(place: Ground, verdict: Verdict) -> bool:
    numbers = verdict.numbers
    names = ("messages", "acknowledged", "recorded", "given up by the channel", "answered",
             "given to people", "unanswered", "lost", "doubled", "out of order",
             "begun after a takeover")  # fmt: skip
    print("  " + ", ".join(f"{numbers[name]} {name}" for name in names))
    for name in ("lost", "doubled", "unanswered", "begun after a takeover"):
        note(f"restarts and kills: {name}, of {numbers['messages']} messages", str(numbers[name]),
             "0", numbers[name] == 0)  # fmt: skip
    for line in verdict.wrong[:30]:
        print(f"  {line}")
    print("RIGHT" if not verdict.wrong else f"WRONG: {len(verdict.wrong)}")
    if verdict.wrong:
        tell_what_the_gateway_said(place)
    return not verdict.wrong
