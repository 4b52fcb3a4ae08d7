"""Lines that can be cut and made slow: between the gateway and its database, or Intercom.

All that the gateway says to its database goes through one, so it is a process of its own, which
does nothing else: beside the stand-in every piece would wait for the interpreter.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from bench.servers import ROOT, environment, python
from gateway.leash import leashed

Address = tuple[str, int] | str


class Line:
    """The way to a proxy in a process of its own."""

    def __init__(self, target: Address) -> None:
        words = [target] if isinstance(target, str) else [target[0], str(target[1])]
        self._process = subprocess.Popen(
            leashed(python("-m", "bench.chaos.proxy", *words)),
            cwd=ROOT, env=environment(), text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.port = int(self._asked())

    def cut(self) -> int:
        """Cut every line; return how many ends there were."""
        return int(self._asked("cut"))

    def delay(self, seconds: float) -> None:
        """Hold every piece back for so long from now on."""
        self._asked(f"delay {seconds}")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _asked(self, words: str = "") -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if words:
            self._process.stdin.write(f"{words}\n")
        return self._process.stdout.readline()


@contextmanager
def line_to(target: Address) -> Iterator[Line]:
    """Give a line."""
    line = Line(target)
    try:
        yield line
    finally:
        line.close()
