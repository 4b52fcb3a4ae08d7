"""A workspace whose gateway heard how every conversation began and nothing of what came later.

The stand-in lives a few minutes in the past while that happens: what is younger than a notification
may still be on its way, and a pass lets it be.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gateway.clock import SystemClock, to_micros
from gateway.inbox import Arrival, Receipt, pinned
from gateway.reconciling import passes
from gateway.wiring import Parts
from intercom_standin.gate import WINDOW_S, Call
from intercom_standin.server import StandIn
from tests.crash.tree import CHANNEL
from tests.rig import AOIFE, MAREK

# A pass looks back five minutes beyond the moment at which the installation was first heard of.
HEARD_S, CHANGED_S = 240.0, 120.0


def found(standin: StandIn, parts: Parts, conversations: int) -> None:
    """Begin so many conversations, heard of; then let things happen in each of them, unheard."""
    chance = random.Random(20261126)
    world = standin.world
    with living(standin, ago_s=HEARD_S):
        begun = [
            str(world.customer_starts(f"Words {n}.", name=f"Customer {n}").conversation_id)
            for n in range(conversations)
        ]
        for thread in begun[::2]:
            world.assign(thread, f"admin:{AOIFE}", by=AOIFE)
    hear(standin, parts)
    with living(standin, ago_s=CHANGED_S):
        for number, thread in enumerate(begun):
            for _ in range(chance.randint(1, 3)):
                world.customer_replies(thread, f"More of {number}.")
            HAPPENINGS[number % len(HAPPENINGS)](world, thread)
    standin.notifier.take()


def _is_taken_over(world: Any, thread: str) -> None:
    world.assign(thread, f"admin:{MAREK}", by=AOIFE)


def _is_answered(world: Any, thread: str) -> None:
    world.admin_replies(thread, MAREK, "Let me see.")
    world.admin_notes(thread, AOIFE, "He sees.")


def _is_closed(world: Any, thread: str) -> None:
    world.close(thread, AOIFE, text="Bye.")


def _is_redacted(world: Any, thread: str) -> None:
    world.redact(thread, world.conversation(thread).parts[-1].id)


def _is_somebody_else(world: Any, thread: str) -> None:
    contact = world.conversation(thread).contact
    world.update_contact(contact.id, email=f"{thread}@customer.example")


def _goes_to_a_team(world: Any, thread: str) -> None:
    world.assign(thread, "team:5017702", by=MAREK)


def _is_deleted(world: Any, thread: str) -> None:
    world.delete_conversation(thread)


HAPPENINGS = (
    _is_taken_over, _is_answered, _is_closed, _is_redacted, _is_somebody_else, _goes_to_a_team,
    _is_taken_over, _is_answered, _is_closed, _is_redacted, _is_deleted,
)  # fmt: skip


@contextmanager
def living(standin: StandIn, *, ago_s: float) -> Iterator[None]:
    """Let the workspace live in the past; its rate limit stays in the present."""
    there, standin.world.clock = standin.world.clock, lambda: time.time() - ago_s
    try:
        yield
    finally:
        standin.world.clock = there


def hear(standin: StandIn, parts: Parts) -> None:
    """Take in everything that waits to be told."""
    channel = parts.channels[CHANNEL]
    for notification in standin.notifier.take():
        body, headers = standin.notifier.signed(notification)
        channel.receiver.verify(headers, body)
        envelope = channel.receiver.read_envelope(body)
        events = channel.receiver.translate(envelope).events
        one = Arrival(channel=channel, envelope=envelope, body=body, events=events)
        (receipt,) = parts.inbox.keep_together([one])
        assert isinstance(receipt, Receipt), receipt
        assert receipt.state == "applied"


def begin(parts: Parts) -> str:
    """Begin a pass over the channel; return its id."""
    with parts.database.read() as db:
        home = pinned(db, parts.channels[CHANNEL])
    assert home is not None
    now = to_micros(SystemClock().now())
    return parts.database.write(lambda db: passes.begin(db, home, asked_by="command", now=now))


def kept_to_the_limit(calls: list[Call], limit: int) -> None:
    """No call was refused, and no ten seconds, wherever they begin, hold too many."""
    assert Counter(call.status for call in calls)[429] == 0
    moments = sorted(call.at for call in calls)
    for number, moment in enumerate(moments):
        within = sum(one < moment + WINDOW_S for one in moments[number:])
        assert within <= limit, f"{within} calls in the 10 s from {moment}"
