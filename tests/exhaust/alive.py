"""Which variables of a function may still matter: what nobody will look at again tells nothing.

Read from its bytecode, as a compiler would: a variable is alive where some way on reads it before
anything is put into it. Taken for alive are also whatever inner functions share, the variable of
a loop that is under way (how far it has come lies where nobody can look), and all that the
statement under way has read: it may lie in a call that has not returned.
"""

from __future__ import annotations

import dis
import types
from bisect import bisect_right
from functools import cache
from typing import Any

_READS = frozenset({"LOAD_FAST", "LOAD_FAST_CHECK", "DELETE_FAST"})
_ENDS = frozenset({"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"})
_STATEMENT_ENDS = _ENDS | {"STORE_FAST", "STORE_ATTR", "STORE_DEREF", "STORE_SUBSCR", "POP_TOP"}
_ALWAYS_JUMPS = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"})


@cache
def alive(code: types.CodeType, last: int) -> frozenset[str]:
    """The names that may be read after the instruction at an offset (`f_lasti`) has ended."""
    steps = list(dis.get_instructions(code))
    if any("FAST" in one.opname and one.opname not in _READS | {"STORE_FAST"} for one in steps):
        return frozenset(code.co_varnames + code.co_cellvars + code.co_freevars)
    here = bisect_right([one.offset for one in steps], last) - 1
    found = set(code.co_cellvars + code.co_freevars)
    found |= _after(code, steps)[here]
    found |= _loops(steps, here)
    while here >= 0 and steps[here].opname not in _STATEMENT_ENDS:
        if steps[here].opname in _READS:
            found.add(steps[here].argval)
        here -= 1
    return frozenset(found)


def _after(code: types.CodeType, steps: list[dis.Instruction]) -> list[set[str]]:
    """Of each instruction: what may be read after it."""
    place = {one.offset: n for n, one in enumerate(steps)}
    handlers: Any = dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]
    ways: list[list[int]] = []
    for n, one in enumerate(steps):
        on = [] if one.opname in _ENDS | _ALWAYS_JUMPS else [n + 1]
        if one.opcode in dis.hasjrel or one.opcode in dis.hasjabs:
            on.append(place[one.argval])
        on += [place[entry.target] for entry in handlers if entry.start <= one.offset < entry.end]
        ways.append([way for way in on if way < len(steps)])
    before: list[set[str]] = [set() for _ in steps]
    after: list[set[str]] = [set() for _ in steps]
    changed = True
    while changed:
        changed = False
        for n in range(len(steps) - 1, -1, -1):
            after[n] = set().union(*(before[way] for way in ways[n]))
            now = set(after[n])
            if steps[n].opname == "STORE_FAST":
                now.discard(steps[n].argval)
            elif steps[n].opname in _READS:
                now.add(steps[n].argval)
            changed |= now != before[n]
            before[n] = now
    return after


def _loops(steps: list[dis.Instruction], here: int) -> set[str]:
    """The variables of the loops in which an instruction lies."""
    found = set()
    for n, one in enumerate(steps):
        if one.opname == "FOR_ITER" and n <= here and steps[here].offset < one.argval:
            stores = steps[n + 1 :]
            for inner in stores:
                if inner.opname == "STORE_FAST":
                    found.add(inner.argval)
                elif inner.opname not in ("UNPACK_SEQUENCE", "CACHE"):
                    break
    return found
