"""Who did what, when, from where and on what: an entry for each action, in its own transaction.

Doors of the API get their entries from `api/trail.py`; commands say `write(…)` themselves.
"""

from gateway.audit.entries import SYSTEM, Thing, Who, changes, command_line, forget, write

__all__ = ["SYSTEM", "Thing", "Who", "changes", "command_line", "forget", "write"]
