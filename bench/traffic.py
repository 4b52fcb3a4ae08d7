"""Notifications as a busy workspace sends them: signed, every one different, made by the stand-in.

The stand-in's own world acts (customers write, the AI's seat answers, teammates take over), and its
notifier signs; nothing is posted here.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from intercom_standin.cast import AOIFE_ID, MAREK_ID, SUPPORT_TEAM_ID
from intercom_standin.records import Notification, Outcome
from intercom_standin.server import StandIn

CLIENT_SECRET = "bench-client-secret"
ACCESS_TOKEN = "bench-access-token"
CHANNEL = "acme-intercom"
PATH = f"/webhooks/{CHANNEL}"

# Conversations that are going on at the same time, and acts after which one is let go.
_GOING_ON = 400
_ACTS_PER_CONVERSATION = 14

# How often each act occurs, in a hundred. An act may cause more than one notification: assigning
# tells two topics, a new customer is told of as well.
_ACTS = {
    "starts": 14,
    "writes": 34,
    "answered by the AI's seat": 22,
    "answered by a teammate": 10,
    "assigned": 8,
    "reads": 7,
    "noted": 3,
    "closed": 2,
}
_SENTENCES = (
    "Hello, I ordered two lamps on Monday and only one of them arrived today.",
    "The parcel was open on one side and the glass of the shade is chipped.",
    "Could you tell me where the second one is? The tracking page shows nothing new since Tuesday.",
    "I would rather keep the first lamp and get a replacement for the other one.",
    "My order number is {number} and the e-mail that I used is the one that I am writing from.",
    "Thank you, that was quick! One more question about the invoice, please.",
    "We moved in June, so please do not send anything to the old address any more.",
    "Is it possible to change the delivery date to next week? I am away until Sunday.",
    "I have looked into it: your parcel {number} left our warehouse and should be with you soon.",
    "If it does not arrive by Friday, write to us again and we will send another one at once.",
)


@dataclass(frozen=True, slots=True)
class Posted:
    """One notification as the bytes of an HTTP request, with what it is about."""

    request: bytes
    topic: str
    conversation: str | None
    # Bytes of the body alone.
    size: int


@dataclass(slots=True)
class _Thread:
    id: str
    acts: int = 0
    with_teammate: bool = False


class Traffic:
    """An endless mix of notifications; the same seed acts in the same way."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.topics: Counter[str] = Counter()
        self._threads: list[_Thread] = []
        self._standin = StandIn(mode="manual", client_secret=CLIENT_SECRET)
        self._world = self._standin.world
        self._world.listener = None
        self._bot = self._world.bot_seat
        self._random = random.Random(self.seed)
        self._customers = 0
        self._waiting: list[Notification] = []

    def post(self, count: int) -> list[Posted]:
        """Return the next `count` notifications."""
        while len(self._waiting) < count:
            self._waiting.extend(self._act().notifications)
        now, self._waiting = self._waiting[:count], self._waiting[count:]
        return [self._posted(notification) for notification in now]

    def _posted(self, notification: Notification) -> Posted:
        body, headers = self._standin.notifier.signed(notification)
        self.topics[notification.topic] += 1
        lines = [f"POST {PATH} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode()
        return Posted(head + body, notification.topic, notification.conversation_id, len(body))

    def _act(self) -> Outcome:
        act = self._random.choices(list(_ACTS), list(_ACTS.values()))[0]
        if act == "starts" or len(self._threads) < _GOING_ON // 4:
            return self._start()
        thread = self._random.choice(self._threads)
        thread.acts += 1
        id, world = thread.id, self._world
        teammate = self._random.choice((AOIFE_ID, MAREK_ID))
        if act == "closed" or thread.acts >= _ACTS_PER_CONVERSATION:
            done = world.close(id, teammate)
            self._let_go(thread)
            return done
        if act == "answered by the AI's seat" and not thread.with_teammate:
            return world.admin_replies(id, self._bot, self._words(1, 4), via_api=True)
        if act in ("answered by a teammate", "answered by the AI's seat"):
            thread.with_teammate = True
            return world.admin_replies(id, teammate, self._words(1, 3))
        if act == "assigned":
            to = self._random.choice((f"admin:{teammate}", f"team:{SUPPORT_TEAM_ID}", "bot"))
            thread.with_teammate = to != "bot"
            return world.assign(id, to, by=teammate)
        if act == "reads":
            return world.customer_reads(id)
        if act == "noted":
            return world.admin_notes(id, teammate, self._words(1, 2))
        return world.customer_replies(id, self._words(1, 4))

    def _start(self) -> Outcome:
        self._customers += 1
        number = self._customers
        started = self._world.customer_starts(
            self._words(2, 5),
            name=f"Customer Number {number}",
            email=f"customer.{number}.{self.seed}@mail.example",
            external_id=f"account-{self.seed}-{number}",
        )
        self._threads.append(_Thread(started.conversation_id))
        if len(self._threads) > _GOING_ON:
            self._let_go(self._threads[0])
        return started

    def _let_go(self, thread: _Thread) -> None:
        # The stand-in would keep everything for ever.
        self._threads.remove(thread)
        del self._world.conversations[thread.id]

    def _words(self, least: int, most: int) -> str:
        chosen = self._random.choices(_SENTENCES, k=self._random.randint(least, most))
        return " ".join(chosen).format(number=self._random.randint(100_000, 999_999))


def conversations(posted: Sequence[Posted]) -> set[str]:
    """Return the conversations that notifications are about."""
    return {one.conversation for one in posted if one.conversation is not None}
