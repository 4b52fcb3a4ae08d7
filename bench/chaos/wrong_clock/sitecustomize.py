"""Gives every process of the gateway a clock that is wrong by as much as a file says.

Python imports this by its name where its folder is on PYTHONPATH, which is so in bench/chaos alone.
"""

import mmap
import os
import struct
import time
from datetime import UTC, datetime, timedelta

from gateway.clock import SystemClock

with open(os.environ["CHAOS_CLOCK"], "rb") as file:
    _seconds = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)


def _now(self: SystemClock) -> datetime:
    (wrong_by,) = struct.unpack_from("d", _seconds)
    return datetime.fromtimestamp(time.time(), UTC) + timedelta(seconds=wrong_by)


SystemClock.now = _now  # type: ignore[method-assign]
