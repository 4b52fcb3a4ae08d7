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
import sqlite3
import types
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec
from sqlalchemy import Row

from tests.exhaust.actors import Actor
from tests.exhaust.alive import alive

NAME = re.compile(r"\b(?:[a-z]{3}_[0-9a-z]{26}|notif_[0-9a-f-]{36})\b")

TABLES = {
    "installations": "", "inbox": "", "conversations": "", "facts": "", "chat_sessions": "",
    "messages": "at, number, step, id", "pushes": "id", "turns": "", "claims": "",
    "reconciliations": "id", "doubts": "",
}  # fmt: skip
"""What the code that acts here reads, and in which order where that counts."""

IGNORED = {
    "inbox": {"id", "body", "received_at", "applied_at", "attempts"},
    "installations": {"created_at"},
    "conversations": {"contact_at", "created_at"},
    "messages": {"html", "created_at"},
    "pushes": {"origin"},
    "turns": {"origin", "digest", "ended_at"},
    "reconciliations": {"found", "doubted", "read", "repaired", "people", "drift", "marks"},
}
"""Columns that nobody who acts here reads. One that is added counts until somebody says so here."""

UNREAD_BUT = {"inbox": "state <> 'applied'"}
"""Rows that are looked at again. Of what was heard, only whether it may come once more counts; that
is known by its number of attempts, where it is on its way."""

READ_AS = {
    ("facts", "data"): (
        "CASE WHEN kind = 'message' AND json_extract(data, '$.author.kind') = 'ai'"
        " THEN json_remove(data, '$.author', '$.contact') ELSE data END"
    ),
}
"""Columns of which less is read. The AI's own words are told by a receipt, an echo or a read, which
name their author by different names; the fold asks only whether it is the AI's."""

# Tools: what they hold is either in the database or never changes. (`Several` remembers what runs:
# that is whoever acts.) Anything else in somebody's mind is looked into.
TOOLS = frozenset({
    "Parts", "Database", "Transaction", "Reader", "Turns", "Deliver", "Reads", "Passes", "Doubts",
    "Several", "Inbox", "Bench", "Pauses", "Terms", "Edge", "lock", "BoundLoggerLazyProxy",
    "Receptions", "Channel", "Answering",
    "islice",  # used up at once (sync/passes.py), of what stands in another variable
})  # fmt: skip
# ... and so are the parts of which a process is wired, whatever they are.
_wired: set[int] = set()
# What is written of the work: logs and traces.
_OBSERVERS = ("structlog", "gateway.tracing", "gateway.logs", "contextlib")


def know(parts: object) -> None:
    """Remember what a process is wired of."""
    _wired.update(id(getattr(parts, one.name)) for one in dataclasses.fields(parts))  # type: ignore[arg-type]


def columns(connection: sqlite3.Connection, *, whole: bool) -> dict[str, str]:
    """The query for what counts of each table; `whole`: but for columns nobody reads, all of it."""
    queries = {}
    for table, order in TABLES.items():
        named = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        counts = [name for name in named if name not in IGNORED.get(table, ())]
        read = {} if whole else {name: READ_AS.get((table, name), name) for name in counts}
        queries[table] = f"SELECT {', '.join(read.get(name, name) for name in counts)} FROM {table}"
        if table in UNREAD_BUT and not whole:
            queries[table] += f" WHERE {UNREAD_BUT[table]}"
        queries[table] += f" ORDER BY {order}" if order else ""
    return queries


def as_told(table: str, rows: Iterable[tuple[Any, ...]]) -> str:
    """A table's rows as text, in an order that says nothing where theirs does not count."""
    told = [repr(row) for row in rows]
    if not TABLES[table]:
        told.sort(key=_masked)
    if table == "pushes":  # their order counts, not the numbers
        told = [line.partition(",")[2] for line in told]
    return f"{table}: {told}"


def fingerprint(
    tables: Mapping[str, str], actors: Iterable[Actor], others: object, *, whole: bool
) -> bytes:
    """Return 16 bytes for a state. `whole`: with variables that nobody will look at again."""
    lines = list(tables.values())
    for actor in actors:
        lines.append(f"{actor.name} at {actor.at}: {list(_mind(actor, whole))}")
    lines.append(repr(others))
    names: dict[str, str] = {}
    text = NAME.sub(lambda m: names.setdefault(m[0], f"#{len(names)}"), "\n".join(lines))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _masked(line: str) -> str:
    return NAME.sub("#", line)


def _mind(actor: Actor, whole: bool) -> Iterator[str]:
    for frame in actor.frames():
        code = frame.f_code
        if "/gateway/" in code.co_filename:
            found = sorted(frame.f_locals.items())
            if not whole:
                counts = alive(code, frame.f_lasti)
                found = [one for one in found if one[0] in counts]
            known = {name: told(value) for name, value in found}
            yield f"{code.co_qualname}+{frame.f_lasti}: {known}"


def told(value: Any) -> str:
    """A value in full, as text; raise TypeError for what this module has not been told about."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str, bytes, datetime) or isinstance(value, Enum):
        return repr(value)
    if id(value) in _wired or kind.__name__ in TOOLS or kind.__module__.startswith(_OBSERVERS):
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
