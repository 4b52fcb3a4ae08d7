"""Drops root, then continues as `gateway/leash.py` (whose path is the first argument).

Everything is imported before the drop: nobody may not be allowed to read the interpreter's folder.
"""

import os
import runpy
import sys

if __name__ == "__main__":
    leash = runpy.run_path(sys.argv[1], run_name="leash")
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    leash["main"](sys.argv[2:])
