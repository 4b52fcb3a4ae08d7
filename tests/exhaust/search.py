"""Every run of a scope: the process forks wherever several things can happen.

A fork has a copy of everything (tables, channel, greenlets), so nothing needs to be undone or
played again. A state that was met before is not looked at twice: what can follow is the same.
"""

from __future__ import annotations

import ctypes
import gc
import json
import mmap
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.exhaust.promises import Promises
from tests.exhaust.scene import Scene, Scope

_SLOTS = 1 << 21
_STATES, _STEPS, _ENDS, _MET, _SPARED, _TROUBLES, _BROKEN, _CUT, _DEEPEST = range(9)
_MOST_BROKEN = 3


class _Shared:
    """What all forks write to: the states that were met, and counts."""

    def __init__(self) -> None:
        entry = ctypes.c_uint64 * 3  # a fingerprint, and what was asleep in all visits
        self._met = (entry * _SLOTS).from_buffer(mmap.mmap(-1, ctypes.sizeof(entry) * _SLOTS))
        self.counts = (ctypes.c_uint64 * 16).from_buffer(mmap.mmap(-1, 128))

    def meet(self, key: bytes, asleep: int) -> int | None:
        """Note a visit; return what was asleep in all visits before, None if this is the first."""
        high, low = int.from_bytes(key[:8], "big") or 1, int.from_bytes(key[8:], "big")
        slot = low % _SLOTS
        while True:
            entry = self._met[slot]
            if entry[0] == 0:
                entry[0], entry[1], entry[2] = high, low, asleep
                return None
            if (entry[0], entry[1]) == (high, low):
                before = int(entry[2])
                entry[2] = before & asleep
                return before
            slot = (slot + 1) % _SLOTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search came to; `complete`: there was nothing left to look at."""

    scope: Scope
    states: int
    steps: int
    ends: int
    met: int
    spared: int
    troubles: int
    deepest: int
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
        return (
            f"{verdict}  {self.scope}\n"
            f"  {self.states} states, {self.steps} steps between them ({self.troubles} crashes and"
            f" faults; {self.spared} spared, since they commute), {self.ends} ends,"
            f" at most {self.deepest} steps deep; {self.seconds:.0f} s; {how}"
        )


class Search:
    """One search, in this process and its forks."""

    def __init__(self, scene: Scene, log: Path, seconds: float) -> None:
        self._scene = scene
        self._promises = Promises(scene)
        self._shared = _Shared()
        self._log = log
        self._until = time.monotonic() + seconds
        self._trail: list[str] = []

    def run(self) -> Found:
        """Look at everything, for as long as there is time."""
        began = time.monotonic()
        gc.collect()
        gc.freeze()  # a collection would touch, and so copy, every page of every fork
        self._in_a_fork(self._begin)
        gc.unfreeze()
        counts = self._shared.counts
        broken = []
        if self._log.exists():
            broken = [json.loads(line) for line in self._log.read_text().splitlines()]
        return Found(
            scope=self._scene.scope, states=counts[_STATES], steps=counts[_STEPS],
            ends=counts[_ENDS], met=counts[_MET], spared=counts[_SPARED],
            troubles=counts[_TROUBLES], deepest=counts[_DEEPEST],
            seconds=time.monotonic() - began, complete=not counts[_CUT], broken=broken,
        )  # fmt: skip

    def _in_a_fork(self, work: Callable[[], None]) -> None:
        """Do it in a copy of this process."""
        child = os.fork()
        if child == 0:
            status = 1
            try:
                work()
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        if status:
            raise RuntimeError(f"a fork died after {self._trail}")

    def _begin(self) -> None:
        gc.disable()
        self._guarded(lambda: self._from_here(frozenset()))

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self._tell(error)

    def _after(self, action: str, asleep: frozenset[str]) -> None:
        """Look at what follows from an action, but for what is asleep."""
        counts = self._shared.counts

        def work() -> None:
            self._trail.append(action)
            counts[_STEPS] += 1
            counts[_TROUBLES] += action.split(" ")[0] in self._scene.scope.kinds
            self._scene.take(action)
            self._promises.look(action)
            self._from_here(asleep)

        self._guarded(work)

    def _from_here(self, asleep: frozenset[str]) -> None:
        """Look at a state, and at what follows from it.

        An action sleeps where an earlier brother has been looked at and nothing has happened since
        that does not commute with it: what it leads to is being looked at there (Godefroid's sleep
        sets). A state that is met again is looked at for what was asleep in all visits before.
        """
        counts, scene = self._shared.counts, self._scene
        if counts[_BROKEN] >= _MOST_BROKEN:
            return
        if time.monotonic() > self._until:
            counts[_CUT] = 1
            return
        actions = scene.actions()
        here = asleep.intersection(actions)
        before = self._shared.meet(
            scene.fingerprint(), sum(1 << n for n, one in enumerate(actions) if one in here)
        )
        if before is None:
            counts[_STATES] += 1
            counts[_DEEPEST] = max(counts[_DEEPEST], len(self._trail))
            counts[_SPARED] += len(here)
            if not actions:
                self._promises.at_the_end()
                counts[_ENDS] += 1
            todo = [one for one in actions if one not in here]
        else:
            counts[_MET] += 1
            todo = [one for n, one in enumerate(actions) if before >> n & 1 and one not in here]
        touches = {one: scene.touches(one) for one in actions}
        for number, action in enumerate(todo, 1):
            calm = {one for one in here if touches[one].commutes(touches[action])}
            if number == len(todo):
                self._after(action, frozenset(calm))
            else:
                self._in_a_fork(partial(self._after, action, frozenset(calm)))
                here |= {action}

    def _tell(self, error: Exception) -> None:
        self._shared.counts[_BROKEN] += 1
        told = {"what": f"{type(error).__name__}: {error}", "trail": self._trail,
                "where": traceback.format_exc().splitlines()[-12:]}  # fmt: skip
        with self._log.open("a") as log:
            log.write(json.dumps(told) + "\n")


def replay(scene: Scene, trail: list[str]) -> None:
    """Take the steps of a run that broke a promise; raise what it raised."""
    promises = Promises(scene)
    for action in trail:
        scene.take(action)
        promises.look(action)
    if not scene.actions():
        promises.at_the_end()
