"""A whole gateway with everybody it talks to: the stand-in in this process, all others in theirs.

Times are taken in here, when the stand-in records a message and when it records the reply.
"""

from __future__ import annotations

import gc
import json
import random
import socket
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bench.agent import MARK
from bench.servers import Ground, Service, python, write_settings
from bench.traffic import ACCESS_TOKEN, CHANNEL, CLIENT_SECRET
from intercom_standin.cast import BOT_ADMIN_ID
from intercom_standin.records import Notification
from intercom_standin.server import StandIn

_STARTS_WITHIN_S = 60.0
_ANSWERED_WITHIN_S = 30.0
# Time in which a second answer to the same message would show itself, beyond two debounces.
_SETTLES_S = 1.0
# Of a hundred messages: how many begin a conversation, and how many follow the one before in the
# same conversation at once (a burst, which the gateway answers together).
_BEGINNING, _FOLLOWING = 30, 10
_BURST_S = 0.2
_NEVER = 2**31 - 1


@dataclass(slots=True)
class Talk:
    """What was said, by its marks, with the times at which the stand-in recorded it."""

    # Intended moment of each message, in seconds since 1970.
    meant: dict[str, float] = field(default_factory=dict)
    replies: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    debounce_s: float = 1.0

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

    def seconds(self, since: float, until: float = float("inf")) -> list[float]:
        """Per reply: the time since the newest message that it answers was meant to be written.

        Of those that were written between the two moments.
        """
        took = []
        for at, marks in self.replies:
            newest = max((self.meant[mark] for mark in marks), default=0.0)
            if since <= newest < until:
                took.append(at - newest)
        return took

    def wait_for_answers(self) -> None:
        """Wait until every message has been answered, and then for what would be too much."""
        until = time.monotonic() + _ANSWERED_WITHIN_S
        while len(self.answers()) < len(self.meant) and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(_SETTLES_S + 2 * self.debounce_s)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What stands before the gateway is started, and the way to start it."""

    place: Ground
    standin: StandIn
    talk: Talk
    stack: ExitStack
    agent: Service

    def up(self, **more: str) -> Service:
        """Start `gateway up` with its own Valkey, and wait until every part of it is ready.

        `more`: of its environment.
        """
        _, port = free_ports()
        environ = self.place.environment() | more
        del environ["GATEWAY_REDIS_URL"]  # `up` brings its own
        log = self.stack.enter_context((self.place.folder / "log").open("wb"))
        self.stack.callback(_tell_on_trouble, self.place)
        up = python("-m", "gateway", "up", "--port", str(port))
        gateway = Service(up, environ, stdout=log, stderr=log)
        self.stack.callback(gateway.stop)
        self.standin.notifier.url = f"http://127.0.0.1:{port}/webhooks/{CHANNEL}"
        _wait_until_ready(f"http://127.0.0.1:{port}/readyz", gateway)
        return gateway


@contextmanager
def stage(
    place: Ground,
    *,
    rate_limit: int,
    debounce_s: float,
    thinks_s: float,
    keeps_connections: bool = False,
) -> Iterator[Stage]:
    """Give the stand-in and the agent, both running, and the gateway's settings written.

    `keeps_connections`: for a gateway that is not stopped meanwhile.
    """
    talk = Talk(debounce_s=debounce_s)
    with ExitStack() as stack:
        stack.enter_context(_no_long_stops())
        standin = StandIn(
            client_secret=CLIENT_SECRET, token=ACCESS_TOKEN, rate_limit=rate_limit, mode="auto",
            keeps_connections=keeps_connections,
        )  # fmt: skip
        stack.enter_context(standin)
        publish = standin.notifier.publish

        def listen(notifications: Sequence[Notification]) -> None:
            talk.heard(notifications)
            publish(notifications)

        standin.world.listener = listen
        agent_port, _ = free_ports()
        write_settings(
            place.config,
            agent_url=f"http://127.0.0.1:{agent_port}/turn",
            base_url=standin.base_url,
            debounce_s=debounce_s,
        )
        argv = python("-m", "bench.agent", str(agent_port), str(thinks_s))
        agent = Service(argv, place.environment())
        stack.callback(agent.stop)
        yield Stage(place=place, standin=standin, talk=talk, stack=stack, agent=agent)


@contextmanager
def _no_long_stops() -> Iterator[None]:
    """Let Python look for cycles among what is new only.

    Whatever was said lives on in the stand-in. Looking through all of it took up to 0.4 s at a
    time, in which no customer wrote and nobody was answered: a tail that is not the gateway's.
    """
    before = gc.get_threshold()
    gc.set_threshold(*before[:2], _NEVER)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def tell_what_the_gateway_said(place: Ground) -> None:
    """Show its log's last lines that are not about success."""
    lines = (place.folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line for line in lines if "verdict=recorded" not in line]
    print("\n".join(told[-40:]))


def _tell_on_trouble(place: Ground) -> None:
    if sys.exc_info()[0] is not None:
        tell_what_the_gateway_said(place)


def free_ports() -> tuple[int, int]:
    """Return two ports that nobody uses just now."""
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
