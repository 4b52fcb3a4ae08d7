"""Which states were met, and what is known of them: in a file, for forks and for later runs.

An entry is a state's fingerprint, the actions that nobody has had to look at there so far (a set
of bits, by their place in `Scene.actions`), and whether all that follows has been looked at.
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import multiprocessing
from dataclasses import dataclass
from pathlib import Path

SLOTS = 1 << 22
_HEAD = 64
_HIGH, _LOW, _LEFT, _MARK = range(4)
_DONE = 1 << 63
EVERYTHING = (1 << 64) - 1

STATES, STEPS, ENDS, MET, SPARED, TROUBLES, BROKEN, CUT, DEEPEST, OUTCOMES, DIGEST, RUN = range(12)
"""What is counted, in the file's head."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit to a state: what is to be looked at now; the first of this run, of all runs."""

    todo: int
    is_first: bool
    is_new: bool = False


class Visited:
    """States by fingerprint. All methods may be called by forks at the same moment."""

    def __init__(self, path: Path | None, stamp: bytes) -> None:
        """Open a file or make one; what is of another `stamp` (code, scope) is begun anew."""
        entry = ctypes.c_uint64 * 4
        size = 8 * _HEAD + ctypes.sizeof(entry) * SLOTS
        stamp = hashlib.blake2b(stamp, digest_size=32).digest()
        if path is None:
            self._memory = mmap.mmap(-1, size)
        else:
            with path.open("a+b") as file:
                file.seek(8 * (_HEAD - 4))
                if file.read(32) != stamp:
                    file.truncate(0)
                file.truncate(size)
                self._memory = mmap.mmap(file.fileno(), size)
        self._memory[8 * (_HEAD - 4) : 8 * _HEAD] = stamp
        self.counts = (ctypes.c_uint64 * (_HEAD - 4)).from_buffer(self._memory)
        self._entries = (entry * SLOTS).from_buffer(self._memory, 8 * _HEAD)
        self._lock = multiprocessing.get_context("fork").Lock()
        self.counts[RUN] += 1
        self.counts[CUT] = self.counts[BROKEN] = 0

    def add(self, count: int, number: int = 1) -> None:
        """Count."""
        with self._lock:
            self.counts[count] += number

    def visit(self, key: bytes, asleep: int, above: int = EVERYTHING) -> Visit:
        """Note a visit with these actions asleep; `above`: what others have left to look at."""
        run = self.counts[RUN]
        with self._lock:
            entry, is_there = self._find(key)
            if not is_there:
                entry[_LEFT], entry[_MARK] = asleep & above, run
                return Visit(above & ~asleep, is_first=True, is_new=True)
            if entry[_MARK] & _DONE or entry[_MARK] == run:
                return Visit(entry[_LEFT] & above & ~asleep, is_first=False)
            # An earlier run was cut before it had looked at all of it.
            entry[_LEFT], entry[_MARK] = asleep & above, run
            return Visit(above & ~asleep, is_first=True)

    def end(self, key: bytes, visit: Visit) -> None:
        """All that follows from what a visit had to look at has been looked at."""
        with self._lock:
            entry, _ = self._find(key)
            if visit.is_first:
                entry[_MARK] |= _DONE
            else:
                entry[_LEFT] &= ~visit.todo

    def left(self, key: bytes) -> int:
        """What nobody looks at in a state; everything, if nobody was there."""
        with self._lock:
            entry, is_there = self._find(key, make=False)
            known = is_there and (entry[_MARK] & _DONE or entry[_MARK] == self.counts[RUN])
            return int(entry[_LEFT]) if known else EVERYTHING

    def note_outcome(self, told: str) -> None:
        """Count an outcome once."""
        key = hashlib.blake2b(told.encode(), digest_size=16, person=b"outcome").digest()
        with self._lock:
            _, is_there = self._find(key)
            if not is_there:
                self.counts[OUTCOMES] += 1
                self.counts[DIGEST] ^= int.from_bytes(key[:8], "big")

    def _find(self, key: bytes, *, make: bool = True) -> tuple[ctypes.Array[ctypes.c_uint64], bool]:
        high, low = int.from_bytes(key[:8], "big") or 1, int.from_bytes(key[8:], "big")
        slot = low % SLOTS
        while True:
            entry = self._entries[slot]
            if entry[_HIGH] == 0:
                if make:
                    entry[_HIGH], entry[_LOW] = high, low
                return entry, False
            if (entry[_HIGH], entry[_LOW]) == (high, low):
                return entry, True
            slot = (slot + 1) % SLOTS
