"""Conversations that a gateway heard of, and in which much happens that it does not hear of."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.servers import Ground
from bench.traffic import CHANNEL
from gateway.config import load_settings
from gateway.inbox import Arrival, Receipt
from gateway.wiring import Parts, build
from intercom_standin.cast import AOIFE_ID, MAREK_ID
from intercom_standin.records import Notification
from intercom_standin.server import StandIn

HEARD_LONG_AGO_S = 240.0
"""How long ago it was heard of. A pass looks back five minutes beyond the first notification."""
CHANGED_LONG_AGO_S = 120.0
"""How long ago it changed: longer than a notification may still be on its way."""

_TOGETHER = 32
WORDS = (
    "I have looked into it: your parcel left our warehouse and should be with you soon.",
    "Could you tell me where the second lamp is? The tracking page shows nothing new.",
    "If it does not arrive by Friday, write to us again and we will send another one.",
    "We moved in June, so please do not send anything to the old address any more.",
)


class Backlog:
    """People's conversations: the AI owes nothing in them, so a pass alone makes no live work."""

    def __init__(self, place: Ground, standin: StandIn) -> None:
        self.threads: list[str] = []
        self._place = place
        self._standin = standin
        self._world = standin.world
        self._random = random.Random(0)

    def begin(self, conversations: int) -> None:
        """Have customers and a teammate talk in so many, and the gateway hear all of it."""
        told: list[Notification] = []
        with self._long_ago(HEARD_LONG_AGO_S, told):
            for number in range(conversations):
                started = self._world.customer_starts(WORDS[1], name=f"Customer {number}")
                thread = str(started.conversation_id)
                self._world.assign(thread, f"admin:{AOIFE_ID}", by=AOIFE_ID)
                self.threads.append(thread)
        settings = load_settings(self._place.environment())
        parts = build(settings)
        try:
            for start in range(0, len(told), _TOGETHER):
                self._hear(parts, told[start : start + _TOGETHER])
        finally:
            parts.database.dispose()

    def change(self) -> Counter[str]:
        """Let 2 to 6 things happen in every one of them; return what a pass has to learn."""
        done: Counter[str] = Counter()
        with self._long_ago(CHANGED_LONG_AGO_S, []):
            for thread in self.threads:
                acts = (self._customer, self._teammate, self._note)
                for act in self._random.choices(acts, k=self._random.randint(2, 6)):
                    done[act(thread)] += 1
        return done

    def _customer(self, thread: str) -> str:
        self._world.customer_replies(thread, self._random.choice(WORDS))
        return "message"

    def _teammate(self, thread: str) -> str:
        self._world.admin_replies(thread, AOIFE_ID, self._random.choice(WORDS))
        return "message"

    def _note(self, thread: str) -> str:
        self._world.admin_notes(thread, MAREK_ID, self._random.choice(WORDS))
        return "note"

    @contextmanager
    def _long_ago(self, seconds: float, told: list[Notification]) -> Iterator[None]:
        """Let the workspace live in the past; what it would tell is kept in `told`."""
        world = self._world
        clock, listener = world.clock, world.listener
        world.clock, world.listener = (lambda: time.time() - seconds), told.extend
        try:
            yield
        finally:
            world.clock, world.listener = clock, listener

    def _hear(self, parts: Parts, told: Sequence[Notification]) -> None:
        channel = parts.channels[CHANNEL]
        arrivals = []
        for one in told:
            body, headers = self._standin.notifier.signed(one)
            channel.receiver.verify(headers, body)
            envelope = channel.receiver.read_envelope(body)
            events = channel.receiver.translate(envelope).events
            arrivals.append(Arrival(channel=channel, envelope=envelope, body=body, events=events))
        for receipt in parts.inbox.keep_together(arrivals):
            if not isinstance(receipt, Receipt) or receipt.state != "applied":
                raise RuntimeError(f"the gateway did not take a notification: {receipt}")
