"""Customers and teammates at work, each on a thread with a seed of its own."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

from intercom_standin.cast import AOIFE_ID, MAREK_ID
from intercom_standin.world import World
from tests.crash.agent import PLEASE_A_PERSON

STORIES = ("chat", "chat", "takeover", "return", "person", "close")


@dataclass(kw_only=True)
class Talk:
    """One conversation: what happens in it and what must come of it."""

    number: int
    story: str
    id: str = ""
    words: list[str] = field(default_factory=list)
    # In charge at the end, as those who acted see it.
    ends: str = "ai"


class Town:
    """Starts conversations until it is told to stop; every one is played to its end."""

    def __init__(self, world: World, seed: int, *, streets: int = 4) -> None:
        self.world = world
        self.talks: list[Talk] = []
        self.troubles: list[BaseException] = []
        self._seed = seed
        self._streets = streets
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def open(self) -> None:
        for street in range(self._streets):
            thread = threading.Thread(target=self._live, args=(street,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Let everybody finish what they were about to say."""
        self._closing.set()
        for thread in self._threads:
            thread.join(60)
        if self.troubles:
            raise self.troubles[0]

    def _live(self, street: int) -> None:
        chance = random.Random(f"{self._seed}:{street}")
        try:
            while not self._closing.is_set():
                with self._lock:
                    talk = Talk(number=len(self.talks), story=chance.choice(STORIES))
                    self.talks.append(talk)
                Play(self.world, talk, chance).play()
        except BaseException as error:
            self.troubles.append(error)


class Play:
    """One conversation, from its first word to its last."""

    def __init__(self, world: World, talk: Talk, chance: random.Random) -> None:
        self._world = world
        self._talk = talk
        self._chance = chance
        self._teammate = chance.choice((AOIFE_ID, MAREK_ID))

    def play(self) -> None:
        for _ in range(self._chance.randint(1, 3)):
            self._customer()
            self._pause()
        getattr(self, f"_{self._talk.story}")()

    def _chat(self) -> None:
        self._customer()
        self._pause()

    def _takeover(self) -> None:
        self._person_takes_it()
        self._talk.ends = "human"

    def _return(self) -> None:
        self._person_takes_it()
        self._world.assign(self._talk.id, "bot", by=self._teammate)
        self._pause(0.5)
        self._customer()

    def _person_takes_it(self) -> None:
        # Sometimes while the answer is being thought out, sometimes while it is on its way.
        self._pause(self._chance.choice((0.05, 0.3, 1.0)))
        self._world.assign(self._talk.id, f"admin:{self._teammate}", by=self._teammate)
        self._pause(0.5)
        if self._chance.random() < 0.8:
            self._world.admin_replies(self._talk.id, self._teammate, "Let me see.")
        self._customer()
        self._pause(0.5)

    def _person(self) -> None:
        self._customer(PLEASE_A_PERSON)
        self._talk.ends = "human"

    def _close(self) -> None:
        self._pause()
        self._world.close(self._talk.id, self._teammate)
        self._pause(0.5)
        self._customer()

    def _customer(self, more: str = "") -> None:
        talk = self._talk
        word = f"w{talk.number:03}n{len(talk.words):03}"
        talk.words.append(word)
        if talk.id:
            self._world.customer_replies(talk.id, f"{word} {more}")
        else:
            talk.id = self._world.customer_starts(
                f"{word} {more}", name=f"Customer {talk.number}"
            ).conversation_id

    def _pause(self, longest_s: float = 1.2) -> None:
        time.sleep(self._chance.uniform(0.0, longest_s))
