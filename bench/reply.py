"""`python -m bench.reply`: from a customer's message to the AI's reply, through a whole gateway.

`gateway up` in processes of its own, the Intercom stand-in (with the customers) in this one, an
agent in another. Customers write at random moments whatever the gateway does; times are taken here,
when the stand-in records a message and when it records the reply.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import socket
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Row, text

from bench import machine
from bench.agent import MARK
from bench.figures import goal, quantile, table
from bench.servers import KINDS, Ground, Service, ground, python, write_settings
from bench.traffic import ACCESS_TOKEN, CHANNEL, CLIENT_SECRET
from intercom_standin.cast import BOT_ADMIN_ID
from intercom_standin.records import Notification
from intercom_standin.server import StandIn

MOST_OVER_DEBOUNCE_MS = 300.0
# Far above what is needed: what is measured is the gateway, not how it keeps to a limit.
RATE_LIMIT = 1_000_000

_STARTS_WITHIN_S = 60.0
_ANSWERED_WITHIN_S = 30.0
# Time in which a second answer to the same message would show itself.
_SETTLES_S = 3.0
# Of a hundred messages: how many begin a conversation, and how many follow the one before in the
# same conversation at once (a burst, which the gateway answers together).
_BEGINNING, _FOLLOWING = 30, 10
_BURST_S = 0.2


@dataclass(slots=True)
class Talk:
    """What was said, by its marks, with the times at which the stand-in recorded it."""

    # Intended moment of each message, in seconds since 1970.
    meant: dict[str, float] = field(default_factory=dict)
    replies: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)

    def heard(self, notifications: Sequence[Notification]) -> None:
        """Take the time of the AI's replies; called by the world, in its own order."""
        now = time.time()
        for one in notifications:
            if one.topic != "conversation.admin.replied":
                continue
            for part in one.item["conversation_parts"]["conversation_parts"]:
                if str(part["author"]["id"]) == str(BOT_ADMIN_ID):
                    self.replies.append((now, tuple(MARK.findall(part["body"]))))

    def answers(self) -> Counter[str]:
        """How often each message was answered."""
        return Counter(mark for _, marks in self.replies for mark in marks)

    def seconds(self, since: float) -> list[float]:
        """Per reply: the time since the newest message that it answers was meant to be written."""
        took = []
        for at, marks in self.replies:
            newest = max((self.meant[mark] for mark in marks), default=0.0)
            if newest >= since:
                took.append(at - newest)
        return took


class Customers:
    """Customers who write, `rate` messages in a second, at random moments."""

    def __init__(self, standin: StandIn, talk: Talk, debounce_s: float) -> None:
        self._world = standin.world
        self._talk = talk
        self._quiet_s = debounce_s + 1.5
        self._random = random.Random(0)
        # Conversations with the moment of the customer's last message.
        self._last: dict[str, float] = {}

    def write(self, seconds: float, rate: float) -> float:
        """Write for a while; return how late, at worst, a message was written."""
        latest = 0.0
        following = time.time()
        ends = following + seconds
        burst: tuple[float, str] | None = None
        while following < ends:
            moment, thread = following, None
            if burst is not None and burst[0] <= following:
                moment, thread = burst
                burst = None
            else:
                following += self._random.expovariate(rate)
            pause = moment - time.time()
            if pause > 0:
                time.sleep(pause)
            latest = max(latest, time.time() - moment)
            written = self._say(moment, thread)
            if burst is None and thread is None and self._random.random() * 100 < _FOLLOWING:
                burst = (moment + _BURST_S, written)
        return latest

    def _say(self, moment: float, thread: str | None) -> str:
        mark = f"q{len(self._talk.meant):06d}"
        self._talk.meant[mark] = moment
        words = f"Where is my parcel? My order has the number {mark}."
        if thread is None and self._random.random() * 100 >= _BEGINNING:
            calm = [one for one, last in self._last.items() if last < moment - self._quiet_s]
            thread = self._random.choice(calm) if calm else None
        if thread is None:
            thread = self._world.customer_starts(words, name=f"Customer {mark}").conversation_id
        else:
            self._world.customer_replies(thread, words)
        self._last[thread] = moment
        return thread


def measure(place: Ground, options: argparse.Namespace) -> bool:
    """Run everything on one database, print, and tell whether all was answered once."""
    talk = Talk()
    with ExitStack() as stack:
        standin = StandIn(
            client_secret=CLIENT_SECRET, token=ACCESS_TOKEN, rate_limit=RATE_LIMIT, mode="auto"
        )
        stack.enter_context(standin)
        publish = standin.notifier.publish

        def listen(notifications: Sequence[Notification]) -> None:
            talk.heard(notifications)
            publish(notifications)

        standin.world.listener = listen
        agent_port, gateway_port = _free_ports()
        write_settings(
            place.config,
            agent_url=f"http://127.0.0.1:{agent_port}/turn",
            base_url=standin.base_url,
            debounce_s=options.debounce,
        )
        environ = place.environment()
        del environ["GATEWAY_REDIS_URL"]  # `up` brings its own
        log = stack.enter_context((place.folder / "log").open("wb"))
        stack.callback(_tell_on_trouble, place)
        agent = python("-m", "bench.agent", str(agent_port), str(options.thinks))
        stack.callback(Service(agent, environ).stop)
        up = python("-m", "gateway", "up", "--port", str(gateway_port))
        gateway = Service(up, environ, stdout=log, stderr=log)
        stack.callback(gateway.stop)
        standin.notifier.url = f"http://127.0.0.1:{gateway_port}/webhooks/{CHANNEL}"
        _wait_until_ready(f"http://127.0.0.1:{gateway_port}/readyz", gateway)
        customers = Customers(standin, talk, options.debounce)
        customers.write(options.warm_up, options.rate)
        since, used = time.time(), time.process_time()
        late = customers.write(options.seconds, options.rate)
        ours = (time.process_time() - used) / options.seconds
        _wait_for_answers(talk)
        dropped = len(standin.notifier.dropped)
        legs = _legs(place, talk, since)
        answered = [1e3 * one.seconds for one in standin.notifier.log if one.at >= since]
        legs.insert(0, ("a notification posted, until it is answered", answered))
    return _print(place, options, talk, since, late, ours, dropped, legs)


def _tell_on_trouble(place: Ground) -> None:
    if sys.exc_info()[0] is not None:
        _tell_what_the_gateway_said(place)


def _tell_what_the_gateway_said(place: Ground) -> None:
    """Show its log's last lines that are not about success."""
    lines = (place.folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line for line in lines if "verdict=recorded" not in line]
    print("\n".join(told[-40:]))


def _free_ports() -> tuple[int, int]:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        return one.getsockname()[1], other.getsockname()[1]


def _wait_until_ready(url: str, gateway: Service) -> None:
    until = time.monotonic() + _STARTS_WITHIN_S
    found: object = None
    while time.monotonic() < until:
        gateway.check()
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                found = json.load(answer)
            if isinstance(found, dict) and found["status"] == "ready":
                return
        except OSError as error:
            found = error
        time.sleep(0.1)
    raise RuntimeError(f"the gateway did not get ready: {found}")


def _wait_for_answers(talk: Talk) -> None:
    until = time.monotonic() + _ANSWERED_WITHIN_S
    while len(talk.answers()) < len(talk.meant) and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(_SETTLES_S)


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
    ours: float,
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
        f"  customers and stand-in took {ours:.2f} of a core; "
        f"the latest message was written {1e3 * late:.0f} ms late\n"
    )
    p99 = quantile(over, 0.99)
    print(
        goal(
            f"p99 {p99:.0f} ms over the debounce, goal under {MOST_OVER_DEBOUNCE_MS:.0f} ms",
            p99 < MOST_OVER_DEBOUNCE_MS,
        )
    )
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
        _tell_what_the_gateway_said(place)
    return right


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 if every message was answered exactly once, else 1."""
    options = _parser().parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="gw-bench-", dir=options.folder))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        print("\n".join(machine.describe(folder)))
        right = True
        for kind in [options.database] if options.database else KINDS:
            print(
                f"\n{kind}: {options.rate:g} messages/s for {options.seconds:g} s, debounce "
                f"{options.debounce:g} s, an agent that takes {1e3 * options.thinks:.0f} ms, the "
                f"stand-in's rate limit {RATE_LIMIT} in 10 s"
            )
            (folder / kind).mkdir()
            with ground(kind, folder / kind) as place:
                right &= measure(place, options)
    return 0 if right else 1


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
