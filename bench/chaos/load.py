"""Customers and teammates for as long as the faults strike: many conversations at the same time."""

from __future__ import annotations

import heapq
import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.agent import MARK
from bench.stage import Talk
from intercom_standin.cast import AOIFE_ID, BOT_ADMIN_ID, MAREK_ID
from intercom_standin.world import World

STORIES = ("chat", "chat", "chat", "takeover", "return")


@dataclass(kw_only=True)
class Thread:
    """One conversation: its story, and what its customer wrote."""

    story: str
    teammate: int
    id: str = ""
    marks: list[str] = field(default_factory=list)


Step = tuple[float, Callable[[Thread], object]]


class Town:
    """Conversations that begin `rate` a second; each is played to its end."""

    def __init__(self, world: World, talk: Talk) -> None:
        self.threads: list[Thread] = []
        self._world = world
        self._talk = talk
        self._random = random.Random(0)
        self._closing = False

    def close(self) -> None:
        """Let no more begin; those that have are played to their end."""
        self._closing = True

    def live(self, conversations: int, rate: float) -> float:
        """Play them; return how late, at worst, something happened."""
        order = itertools.count()
        due: list[tuple[float, int, Thread, Iterator[Step]]] = []
        beginning, begun, latest = time.time(), 0, 0.0
        while due or (begun < conversations and not self._closing):
            more = begun < conversations and not self._closing
            if more and (not due or beginning <= due[0][0]):
                thread = Thread(
                    story=STORIES[begun % len(STORIES)],
                    teammate=self._random.choice((AOIFE_ID, MAREK_ID)),
                )
                self.threads.append(thread)
                heapq.heappush(due, (beginning, next(order), thread, self._steps(thread)))
                begun += 1
                # Evenly, so that somebody writes until the last fault is over.
                beginning += self._random.uniform(0.5, 1.5) / rate
                continue
            at, _, thread, steps = heapq.heappop(due)
            if (pause := at - time.time()) > 0:
                time.sleep(pause)
            latest = max(latest, time.time() - at)
            step = next(steps, None)
            if step is not None:
                wait_s, act = step
                act(thread)
                heapq.heappush(due, (at + wait_s, next(order), thread, steps))
        return latest

    def _steps(self, thread: Thread) -> Iterator[Step]:
        """What happens, and how long after it the next thing does."""
        pause = self._random.uniform
        for _ in range(self._random.randint(1, 3)):
            yield pause(0.2, 3.0), self._customer
        if thread.story == "chat":
            return
        yield pause(0.1, 2.0), self._takes_over
        yield pause(0.1, 2.0), self._answers
        yield pause(0.1, 2.0), self._customer
        if thread.story == "return":
            yield pause(0.1, 2.0), self._hands_back
            yield 0.0, self._customer

    def _customer(self, thread: Thread) -> None:
        mark = f"q{len(self._talk.meant):06d}"
        words = f"Where is my parcel? My order has the number {mark}."
        assert MARK.search(words)
        self._talk.meant[mark] = time.time()
        thread.marks.append(mark)
        if thread.id:
            self._world.customer_replies(thread.id, words)
        else:
            started = self._world.customer_starts(words, name=f"Customer {mark}")
            thread.id = started.conversation_id

    def _takes_over(self, thread: Thread) -> None:
        self._world.assign(thread.id, thread.teammate, by=thread.teammate)

    def _answers(self, thread: Thread) -> None:
        self._world.admin_replies(thread.id, thread.teammate, "Let me see.")

    def _hands_back(self, thread: Thread) -> None:
        self._world.assign(thread.id, BOT_ADMIN_ID, by=thread.teammate)
