"""A state's fingerprint: two runs that have the same one can only go on in the same way.

In it is all that what comes next depends on: the tables that this code reads, what the channel has,
the clock, what is on its way, and of everybody who acts where they stand and what they have in
mind (the values of their variables). An object of an unknown kind in somebody's mind is an error:
nothing is left out by accident. Generated names are numbered in the order in which they are met.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import types
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec
from sqlalchemy import Row

from tests.exhaust.actors import Actor

NAME = re.compile(r"\b(?:[a-z]{3}_[0-9a-z]{26}|notif_[0-9a-f-]{36})\b")

TABLES = {
    # Without what nobody who acts here reads: when rows were made, and what was received.
    "installations": "SELECT id, external_id FROM installations",
    "inbox": "SELECT dedup, state FROM inbox",
    "conversations": (
        "SELECT id, external_id, contact_id, thread, held_since, read_due, read_attempts, truth_at"
        " FROM conversations"
    ),
    "facts": "SELECT * FROM facts",
    "chat_sessions": "SELECT * FROM chat_sessions",
    "messages": (
        "SELECT id, session_id, external_id, kind, author_kind, author_id, text, data, state, why,"
        " at, number, step, asked_in FROM messages ORDER BY at, number, step, id"
    ),
    "pushes": "SELECT * FROM pushes ORDER BY id",
    "turns": (
        "SELECT id, session_id, epoch, cause, state, owed_at, due_at, asked_at, tries, timeouts,"
        " upto_at, upto_number, verdict, why FROM turns"
    ),
    "claims": "SELECT * FROM claims",
    "reconciliations": (
        "SELECT id, since, until, began_at, due_at, listed_at, ended_at, cursor"
        " FROM reconciliations ORDER BY id"
    ),
    "doubts": "SELECT conversation_id, doubted_at, due_at, tries FROM doubts",
}
# Tools: what they hold is either in the database or never changes. (`Several` remembers what runs:
# that is whoever acts.) Anything else in somebody's mind is looked into.
TOOLS = frozenset({
    "Parts", "Database", "Transaction", "Reader", "Turns", "Deliver", "Reads", "Passes", "Doubts",
    "Several", "Inbox", "Bench", "Pauses", "Terms", "Edge", "lock", "BoundLoggerLazyProxy",
    "BoundLoggerFilteringAtNotset", "Receptions", "Channel", "Echo", "Answering",
})  # fmt: skip


def fingerprint(
    rows: Iterable[tuple[str, list[tuple[Any, ...]]]], actors: Iterable[Actor], others: object
) -> bytes:
    """Return 16 bytes for a state."""
    lines = []
    for table, found in rows:
        told = [repr(row) for row in found]
        if " ORDER BY " not in TABLES[table]:
            told.sort(key=_masked)
        if table == "pushes":  # their order counts, not the numbers
            told = [line.partition(",")[2] for line in told]
        lines.append(f"{table}: {told}")
    for actor in actors:
        lines.append(f"{actor.name} at {actor.at}: {list(_mind(actor))}")
    lines.append(repr(others))
    names: dict[str, str] = {}
    text = NAME.sub(lambda m: names.setdefault(m[0], f"#{len(names)}"), "\n".join(lines))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _masked(line: str) -> str:
    return NAME.sub("#", line)


def _mind(actor: Actor) -> Iterator[str]:
    for frame in actor.frames():
        if "/gateway/" in frame.f_code.co_filename:
            known = {name: told(value) for name, value in sorted(frame.f_locals.items())}
            yield f"{frame.f_code.co_qualname}+{frame.f_lasti}: {known}"


def told(value: Any) -> str:
    """A value in full, as text; raise TypeError for what this module has not been told about."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str, bytes, datetime) or isinstance(value, Enum):
        return repr(value)
    if kind.__name__ in TOOLS:
        return kind.__name__
    if isinstance(value, dict):
        return str({told(key): told(one) for key, one in value.items()})
    if isinstance(value, set | frozenset):
        return str(sorted(told(one) for one in value))
    if isinstance(value, list | tuple | Row):
        return f"{kind.__name__}{[told(one) for one in value]}"
    if isinstance(value, types.FunctionType):
        inside = [told(cell.cell_contents) for cell in value.__closure__ or ()]
        return f"{value.__qualname__}{inside}"
    if isinstance(value, types.MethodType | types.BuiltinFunctionType | type):
        return value.__qualname__
    if isinstance(value, msgspec.Struct):
        fields = {name: told(getattr(value, name)) for name in value.__struct_fields__}
        return f"{kind.__name__}{fields}"
    if dataclasses.is_dataclass(value):
        fields = {one.name: told(getattr(value, one.name)) for one in dataclasses.fields(value)}
        return f"{kind.__name__}{fields}"
    if isinstance(value, Exception):
        return f"{kind.__name__}{told(value.args)}{told(vars(value))}"
    if isinstance(value, types.MappingProxyType):
        return told(dict(value))
    raise TypeError(
        f"what {kind.__module__}.{kind.__qualname__} in somebody's mind means is untold"
    )
