"""Every run of a scope: the process forks wherever several things can happen.

A fork has a copy of everything (tables, channel, greenlets), so nothing needs to be undone or
played again. What was met before is not looked at twice: what can follow is the same.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.exhaust import visited
from tests.exhaust.pages import in_large_pages
from tests.exhaust.promises import Promises
from tests.exhaust.scene import Scene
from tests.exhaust.scope import Scope
from tests.exhaust.visited import Visited

_MOST_BROKEN = 3
_NOTHING_NEW = 7  # what a fork says of a notification that told nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search came to; `complete`: there was nothing left to look at.

    `outcomes`: how many different ends there were, in what people and channel see, and a sum of
    them that tells two searches apart which found others.
    """

    scope: Scope
    states: int
    steps: int
    ends: int
    spared: int
    troubles: int
    deepest: int
    outcomes: tuple[int, str]
    seconds: float
    complete: bool
    broken: list[dict[str, Any]]

    @property
    def right(self) -> bool:
        """Whether no promise was broken in what was looked at."""
        return not self.broken

    def __str__(self) -> str:
        verdict = "RIGHT" if self.right else "WRONG"
        how = "complete" if self.complete else "NOT complete: the time was over"
        number, digest = self.outcomes
        return (
            f"{verdict}  {self.scope}\n"
            f"  {self.states} states, {self.steps} steps between them ({self.troubles} crashes and"
            f" faults; {self.spared} spared), {self.ends} ends,"
            f" at most {self.deepest} steps deep; {number} outcomes ({digest});"
            f" {self.seconds:.0f} s; {how}"
        )


class Search:
    """One search, in this process and its forks."""

    def __init__(
        self,
        scene: Scene,
        log: Path,
        seconds: float,
        *,
        met: Visited,
        calm: Visited | None = None,
        processes: int = 1,
    ) -> None:
        """`calm`: a search of the same scope in which nothing broke."""
        self._scene = scene
        self._promises = Promises(scene)
        self._met = met
        self._calm = calm
        self._whole = scene.whole  # leave nothing out, for comparison
        self._log = log
        self._until = time.monotonic() + seconds
        self._trail: list[str] = []
        self._free = multiprocessing.get_context("fork").Semaphore(processes - 1)
        self._told_nothing = False

    def run(self) -> Found:
        """Look at everything, for as long as there is time."""
        began = time.monotonic()
        gc.collect()
        gc.freeze()  # a collection would touch, and so copy, every page of every fork
        in_large_pages()
        self._wait_for(self._fork(self._begin))
        gc.unfreeze()
        counts = self._met.counts
        broken = []
        if self._log.exists():
            broken = [json.loads(line) for line in self._log.read_text().splitlines()]
        return Found(
            scope=self._scene.scope, states=counts[visited.STATES], steps=counts[visited.STEPS],
            ends=counts[visited.ENDS], spared=counts[visited.SPARED],
            troubles=counts[visited.TROUBLES], deepest=counts[visited.DEEPEST],
            outcomes=(counts[visited.OUTCOMES], f"{counts[visited.DIGEST]:016x}"),
            seconds=time.monotonic() - began, complete=not counts[visited.CUT], broken=broken,
        )  # fmt: skip

    # -- forks -------------------------------------------------------------------------------------

    def _fork(self, work: Callable[[], None], *, aside: bool = False) -> int:
        """Do it in a copy of this process, `aside` if it runs beside us; return its id."""
        child = os.fork()
        if child:
            return child
        status = 1
        try:
            work()
            status = _NOTHING_NEW if self._told_nothing else 0
        finally:
            if aside:
                self._free.release()
            os._exit(status)

    def _wait_for(self, child: int) -> bool:
        """Wait for a copy; True if it heard a notification that told nothing."""
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code not in (0, _NOTHING_NEW):
            raise RuntimeError(f"a fork died after {self._trail}")
        return code == _NOTHING_NEW

    def _begin(self) -> None:
        gc.disable()
        self._guarded(lambda: self._from_here(frozenset()))

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self._tell(error)

    # -- states ------------------------------------------------------------------------------------

    def _after(self, action: str, asleep: frozenset[str]) -> None:
        """Look at what follows from an action, but for what is asleep."""

        def work() -> None:
            self._trail.append(action)
            self._met.add(visited.STEPS)
            if action.split(" ")[0] in self._scene.scope.kinds:
                self._met.add(visited.TROUBLES)
            before = self._scene.tables()
            self._scene.take(action)
            self._promises.look(action)
            self._told_nothing = action.startswith("hear ") and self._is_as(before)
            told_nothing = self._told_nothing
            self._from_here(asleep)
            self._told_nothing = told_nothing

        self._guarded(work)

    def _is_as(self, before: dict[str, str]) -> bool:
        """True if the record is as it was, but for having heard it."""
        now = self._scene.tables()
        return all(now[name] == before[name] for name in now if name != "inbox")

    def _from_here(self, asleep: frozenset[str]) -> None:
        """Look at a state, and at what follows from it.

        An action sleeps where an earlier brother has been looked at and nothing has happened since
        that does not commute with it: what it leads to is being looked at there (Godefroid's sleep
        sets). A state that is met again is looked at for what was asleep in all visits before.
        """
        met, scene = self._met, self._scene
        if self._is_over():
            return
        actions = scene.actions()
        here = frozenset() if self._whole else asleep.intersection(actions)
        sleeping = sum(1 << n for n, one in enumerate(actions) if one in here)
        state = scene.fingerprint()
        key = _key(state, scene.troubles)
        visit = met.visit(key, sleeping, self._left_above(state))
        if visit.is_new:
            met.add(visited.STATES)
            met.counts[visited.DEEPEST] = max(met.counts[visited.DEEPEST], len(self._trail))
            if not actions:
                met.note_outcome(self._promises.at_the_end())
                met.add(visited.ENDS)
        else:
            met.add(visited.MET)
        todo = [one for n, one in enumerate(actions) if visit.todo >> n & 1]
        met.add(visited.SPARED, len(actions) - len(todo))
        self._look_at(todo, here)
        if not self._is_over() and not met.counts[visited.BROKEN]:
            met.end(key, visit)

    def _look_at(self, todo: list[str], here: frozenset[str]) -> None:
        """Take these steps, each in a copy but for the last."""
        touches = {one: self._scene.touches(one) for one in {*todo, *here}}
        aside = []
        for number, action in enumerate(todo, 1):
            calm = frozenset(one for one in here if touches[one].commutes(touches[action]))
            follow = partial(self._after, action, calm)
            if number == len(todo):
                follow()
            elif action.startswith("hear ") and not self._whole:
                if self._wait_for(self._fork(follow)):
                    break  # it told nothing, and never will: nobody can tell when it came
            elif self._free.acquire(block=False):
                aside.append(self._fork(follow, aside=True))
            else:
                self._wait_for(self._fork(follow))
            here |= {action}
        if aside:
            self._free.release()  # while we wait, another may run
            for child in aside:
                self._wait_for(child)
            self._free.acquire()

    def _left_above(self, state: bytes) -> int:
        """What is not looked at in this very state with more troubles ahead: less can follow."""
        if self._whole:
            return visited.EVERYTHING
        left = visited.EVERYTHING
        for troubles in range(self._scene.troubles + 1, self._scene.scope.troubles + 1):
            left &= self._met.left(_key(state, troubles))
        if self._calm is not None and not self._scene.troubles:
            left &= self._calm.left(_key(state, 0))
        return left

    def _is_over(self) -> bool:
        counts = self._met.counts
        if time.monotonic() > self._until:
            counts[visited.CUT] = 1
        return bool(counts[visited.CUT] or counts[visited.BROKEN] >= _MOST_BROKEN)

    def _tell(self, error: Exception) -> None:
        self._met.add(visited.BROKEN)
        told = {"what": f"{type(error).__name__}: {error}", "trail": self._trail,
                "where": traceback.format_exc().splitlines()[-12:]}  # fmt: skip
        with self._log.open("a") as log:
            log.write(json.dumps(told) + "\n")


def _key(state: bytes, troubles: int) -> bytes:
    """A state's name, with the troubles that are left."""
    return state[:-1] + bytes([state[-1] ^ troubles])


def replay(scene: Scene, trail: list[str]) -> None:
    """Take the steps of a run that broke a promise; raise what it raised."""
    promises = Promises(scene)
    for action in trail:
        scene.take(action)
        promises.look(action)
    if not scene.actions():
        promises.at_the_end()
