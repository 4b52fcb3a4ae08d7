"""Where tests keep their files: in memory, where this machine has room for them there.

A commit of SQLite waits for the disk, 7 ms on the machine where this was measured, and tests make
tens of thousands of them. That commits outlive a power cut is the disk's to keep, and no test pulls
plugs: processes are killed, and what they wrote is in the system's memory by then, either way.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import psutil

_MEMORY = Path("/dev/shm")
_ROOM = 6 * 1024**3
"""So many bytes must be free: the suite leaves some three behind, and runs beside others."""


def use_memory() -> None:
    """Let temporary folders be made there, by child processes as well; TMPDIR says otherwise."""
    if "TMPDIR" not in os.environ and _is_good():
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None  # it is looked for again


def _is_good() -> bool:
    # Of Linux alone; in a container it may be tiny, or run no programs, which some tests put there.
    if not os.access(_MEMORY, os.W_OK) or os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return False
    return min(shutil.disk_usage(_MEMORY).free, psutil.virtual_memory().available) > _ROOM
