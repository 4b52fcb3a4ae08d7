"""A process that was asked to end: who comes next shall go elsewhere, and who looks on come back.

`webworker.py` tells it so, and how long that takes.
"""

from __future__ import annotations

from gateway.streams import Hub


class Leaving:
    """Whether this process leaves. `begun`: `/readyz` says so, and all else goes on."""

    def __init__(self, streams: Hub) -> None:
        self.begun = False
        self._streams = streams

    def begin(self) -> None:
        """Say it from now on."""
        self.begun = True

    def end_streams(self) -> None:
        """End every stream after a whole event, and let no new one begin."""
        self._streams.end_all()
