"""`python -m bench.reply`: from a customer's message to the AI's reply, through a whole gateway.

`gateway up` in processes of its own, the Intercom stand-in (with the customers) in this one, an
agent in another. Customers write at random moments whatever the gateway does.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from bench.agent import MARK
from bench.each import on_each
from bench.figures import goal, quantile, table
from bench.noted import note
from bench.servers import KINDS, Ground, cpu_of_tree
from bench.stage import Customers, Stage, Talk, stage, tell_what_the_gateway_said
from bench.tree import cpu_by_role

MOST_OVER_DEBOUNCE_MS = 300.0
# Of an agent that answers at once, and without a debounce.
MOST_P50_MS, MOST_P99_MS = 40.0, 150.0
# Far above what is needed: what is measured is the gateway, not how it keeps to a limit.
RATE_LIMIT = 1_000_000


def measure(place: Ground, options: argparse.Namespace) -> bool:
    """Run everything on one database, print, and tell whether all was answered once."""
    given = {"debounce_s": options.debounce, "thinks_s": options.thinks}
    with stage(place, rate_limit=RATE_LIMIT, keeps_connections=True, **given) as on:
        gateway = on.up()
        notifier = on.standin.notifier
        customers = Customers(on.standin, on.talk, options.debounce)
        customers.write(options.warm_up, options.rate)
        since, used = time.time(), _spent(place, on, gateway.pid)
        late = customers.write(options.seconds, options.rate)
        spent = _spent(place, on, gateway.pid)
        spent = {name: seconds - used.get(name, 0.0) for name, seconds in spent.items()}
        on.talk.wait_for_answers()
        dropped = len(notifier.dropped)
        legs = _legs(place, on.talk, since)
        answered = [1e3 * one.seconds for one in notifier.log if one.at >= since]
        legs.insert(0, ("a notification posted, until it is answered", answered))
    return _print(place, options, on.talk, since, late, spent, dropped, legs)


def _spent(place: Ground, on: Stage, pid: int) -> dict[str, float]:
    """Return the seconds of CPU that everybody has used so far."""
    spent = cpu_by_role(pid)
    spent["database server"] = sum(place.database_cpu().values())
    spent["agent"] = sum(cpu_of_tree(on.agent.pid).values())
    spent["customers and stand-in"] = time.process_time()
    return spent


_MESSAGES = """
SELECT text, created_at FROM messages WHERE kind = 'message' AND author_kind = 'customer'
"""
_TURNS = """
SELECT asked_at - owed_at, ended_at - asked_at FROM turns
WHERE state = 'recorded' AND owed_at >= :since
"""
_PUSHES = """
SELECT begun_at - owed_at, ended_at - begun_at FROM pushes
WHERE state = 'sent' AND role = 'answer' AND owed_at >= :since
"""


def _legs(place: Ground, talk: Talk, since: float) -> list[tuple[str, list[float]]]:
    """Return the parts of the way that the gateway's own record tells, in milliseconds."""
    after = {"since": int(since * 1e6)}
    with place.database.read() as db:
        messages = db.execute(text(_MESSAGES)).all()
        turns = db.execute(text(_TURNS), after).all()
        pushes = db.execute(text(_PUSHES), after).all()
    kept = [
        1e3 * (row[1] / 1e6 - talk.meant[mark])
        for row in messages
        for mark in MARK.findall(row[0])
        if talk.meant[mark] >= since
    ]
    return [
        ("written until kept by the receiver", kept),
        ("owed until the agent is asked (has the debounce in it)", _column(turns, 0)),
        ("asking the agent, recording its answer", _column(turns, 1)),
        ("owed until its sending begins (looks first)", _column(pushes, 0)),
        ("sending it, settling", _column(pushes, 1)),
    ]


def _column(rows: Sequence[Row[*tuple[Any, ...]]], at: int) -> list[float]:
    return [row[at] / 1e3 for row in rows if row[at] is not None]


def _print(
    place: Ground,
    options: argparse.Namespace,
    talk: Talk,
    since: float,
    late: float,
    spent: dict[str, float],
    dropped: int,
    legs: Sequence[tuple[str, list[float]]],
) -> bool:
    took = [1e3 * one for one in talk.seconds(since)]
    debounce_ms = 1e3 * options.debounce
    shares = (0.50, 0.90, 0.99, 1.0)
    rows = [["ms", "p50", "p90", "p99", "longest"]]
    rows.append(["customer's message -> reply", *(f"{quantile(took, s):.0f}" for s in shares)])
    over = [one - debounce_ms for one in took]
    rows.append(["  ... without the debounce", *(f"{quantile(over, s):.0f}" for s in shares)])
    for name, values in legs:
        rows.append([f"  of it: {name}", *(f"{quantile(values, s):.0f}" for s in shares)])
    print(table(rows))
    burst = sum(len(marks) > 1 for _, marks in talk.replies)
    print(
        f"  {len(took)} replies measured; {burst} of all answered several messages of a burst, "
        f"counted from its last one\n"
        f"  the latest message was written {1e3 * late:.0f} ms late"
    )
    _print_cpu(spent, sum(1 for meant in talk.meant.values() if meant >= since), options.rate)
    p50, p90, p99 = (quantile(over, share) for share in shares[:3])
    figure = f"{p50:.0f} / {p90:.0f} / {p99:.0f}"
    if options.debounce == 0:
        reached = p50 < MOST_P50_MS and p99 < MOST_P99_MS
        wanted = f"p50 under {MOST_P50_MS:.0f}, p99 under {MOST_P99_MS:.0f}"
        print(goal(f"p50 / p90 / p99 {figure} ms, goal {wanted}", reached))
        name = f"{options.rate:g} messages/s, no debounce: p50 / p90 / p99, ms"
        note(name, figure, wanted, reached)
    else:
        reached = p99 < MOST_OVER_DEBOUNCE_MS
        wanted = f"p99 under {MOST_OVER_DEBOUNCE_MS:.0f}"
        print(goal(f"p50 / p90 / p99 over the debounce {figure} ms, goal {wanted}", reached))
        note("p50 / p90 / p99 over the debounce, ms", figure, wanted, reached)
    answers = talk.answers()
    unanswered = len(talk.meant) - len(answers)
    twice = sum(number > 1 for number in answers.values())
    failed = place.count("SELECT count(*) FROM inbox WHERE state <> 'applied'")
    unsent = place.count("SELECT count(*) FROM pushes WHERE role = 'answer' AND state <> 'sent'")
    right = unanswered == twice == failed == unsent == dropped == 0
    print(
        f"{'RIGHT   ' if right else 'WRONG   '}{len(talk.meant)} messages, {len(talk.replies)} "
        f"replies; {unanswered} unanswered, {twice} answered twice; {failed} deliveries failed, "
        f"{dropped} dropped, {unsent} replies not sent"
    )
    if not right:
        tell_what_the_gateway_said(place)
    return right


def _print_cpu(spent: dict[str, float], messages: int, rate: float) -> None:
    """Show what a message costs, by who spends it."""
    per_message = {name: 1e3 * seconds / max(messages, 1) for name, seconds in spent.items()}
    told = ", ".join(f"{name} {ms:.1f}" for name, ms in per_message.items() if ms >= 0.05)
    gateway = sum(
        ms for name, ms in per_message.items() if name not in ("agent", "customers and stand-in")
    )
    print(f"  CPU by message, ms: {told}; the gateway's in all {gateway:.1f}\n")
    note(f"CPU of the gateway's processes by message at {rate:g} a second, ms", f"{gateway:.1f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 if every message was answered exactly once, else 1."""
    options = _parser().parse_args(arguments)
    conditions = (
        f": {options.rate:g} messages/s for {options.seconds:g} s, debounce "
        f"{options.debounce:g} s, an agent that takes {1e3 * options.thinks:.0f} ms, the "
        f"stand-in's rate limit {RATE_LIMIT} in 10 s"
    )
    return 0 if on_each(options, conditions, measure) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.reply", description=__doc__)
    add = parser.add_argument
    add("--database", choices=KINDS, help="default: both, one after the other")
    add("--seconds", type=float, default=60.0, help="of measurement (default 60)")
    add("--warm-up", type=float, default=5.0, help="seconds that are not measured (default 5)")
    add("--rate", type=float, default=20.0, help="messages in a second (default 20)")
    add("--debounce", type=float, default=1.0, help="the agent's debounce_s (default 1)")
    add("--thinks", type=float, default=0.05, help="seconds the agent takes (default 0.05)")
    add("--folder", help="where the databases are put (default: the temporary folder)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
