"""A workspace's past: many conversations of which a gateway never heard."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.backlog import WORDS
from intercom_standin.cast import AOIFE_ID, MAREK_ID
from intercom_standin.server import StandIn

YEARS_S = 3 * 365 * 86_400.0


class Past:
    """Conversations with customers, spread over three years, each with parts of every kind."""

    def __init__(self, standin: StandIn) -> None:
        self.parts = 0
        self._standin = standin
        self._world: Any = standin.world
        self._random = random.Random(0)

    def fill(self, conversations: int, parts: int) -> None:
        """Let so many conversations have happened, with so many parts in all."""
        world = self._world
        listener, world.listener = world.listener, lambda _notifications: None
        try:
            for number in range(conversations):
                ago_s = 86_400.0 + YEARS_S * (1 - number / conversations)
                left = round(parts * (number + 1) / conversations) - self.parts
                with self._ago(ago_s):
                    self._talk(number, left)
        finally:
            world.listener = listener

    def _talk(self, number: int, parts: int) -> None:
        begun = self._world.customer_starts(WORDS[number % len(WORDS)], name=f"Customer {number}")
        thread = str(begun.conversation_id)
        acts = (self._customer, self._teammate, self._note, self._assign)
        while len(self._world.conversation(thread).parts) < parts - 1:
            self._random.choice(acts)(thread)
        self._world.close(thread, AOIFE_ID)
        self.parts += len(self._world.conversation(thread).parts)

    def _customer(self, thread: str) -> None:
        self._world.customer_replies(thread, self._random.choice(WORDS))

    def _teammate(self, thread: str) -> None:
        self._world.admin_replies(thread, AOIFE_ID, self._random.choice(WORDS))

    def _note(self, thread: str) -> None:
        self._world.admin_notes(thread, MAREK_ID, self._random.choice(WORDS))

    def _assign(self, thread: str) -> None:
        to = self._random.choice((AOIFE_ID, MAREK_ID))
        self._world.assign(thread, f"admin:{to}", by=AOIFE_ID)

    @contextmanager
    def _ago(self, seconds: float) -> Iterator[None]:
        world = self._world
        clock, world.clock = world.clock, lambda: time.time() - seconds
        try:
            yield
        finally:
            world.clock = clock
