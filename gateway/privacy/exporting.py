"""Everything that is known of a person, as one file that is written while it is read.

A ZIP with `person.json` (who they are, their sessions with every line, and the rows of every table
that is about them), the files that were sent, and the deliveries that tell of them. No transaction
is open while whoever asks takes their time, and no more than a page is held in memory.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import structlog
from sqlalchemy import ColumnElement, LargeBinary, select, tuple_

from gateway.clock import to_time
from gateway.contacts import cards
from gateway.contacts.trees import load_one
from gateway.errors import NotFound
from gateway.files.names import safe_name
from gateway.privacy.bodies import that_name
from gateway.privacy.elsewhere import records_elsewhere
from gateway.privacy.person import Person
from gateway.privacy.tables import PERSONAL
from gateway.reading.messages import find_messages
from gateway.reading.sessions import Json, SessionFilter, find_sessions
from gateway.store.models import UNPLACED, Base, FileRow, InboxDelivery
from gateway.store.sql import table_of
from gateway.wiring import Parts

log = structlog.get_logger(__name__)

_PAGE = 200
_MANY = 64 * 1024
_TIMES = ("at", "since", "until", "due")
_NOT_A_TIME = 10**14
"""A number below that is no moment in microseconds of these centuries."""

_READ_ME = """What the gateway knows of a person.

person.json   who they are, by whom that was said and since when; their sessions with every
              message, note, draft and marker; the rows of every table that is about them;
              and which records other systems keep of them.
files/        what they sent, and what was sent to them.
deliveries/   what channels told us of them, as it came.
"""


def export(parts: Parts, person: Person) -> Iterator[bytes]:
    """The file, piece by piece."""
    sink = _Sink()
    written: Any = sink  # it is never read, and cannot be told where it is
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _READ_ME)
        with archive.open("person.json", "w", force_zip64=True) as file:
            for piece in _document(parts, person):
                file.write(piece)
                yield from sink.taken(_MANY)
        for name, chunks in _files(parts, person):
            with archive.open(f"files/{name}", "w", force_zip64=True) as file:
                for chunk in chunks:
                    file.write(chunk)
                    yield from sink.taken(_MANY)
        for name, body in _deliveries(parts, person):
            archive.writestr(f"deliveries/{name}", body)
            yield from sink.taken(_MANY)
    yield from sink.taken(0)


class _Sink:
    """Takes what a ZIP writes, until it is sent on."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        self._size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def taken(self, least: int) -> Iterator[bytes]:
        """What was written, if it is more than `least` bytes."""
        if self._size > least:
            yield b"".join(self._pieces)
            self._pieces, self._size = [], 0


def _document(parts: Parts, person: Person) -> Iterator[bytes]:
    database = parts.database
    with database.read() as db:
        card = cards.to_json(db, {person.id: load_one(db, person.id)})[person.id]
        elsewhere = records_elsewhere(db, parts.channels, person)
    told = {
        "exported_at": _moment(parts),
        "person": card,
        "kept_elsewhere": elsewhere,
    }
    yield b"{"
    for name, value in told.items():
        yield _encode(name) + b": " + _encode(value) + b",\n"
    yield b'"sessions": [' + b"\n"
    yield from _listed(_sessions(parts, person))
    yield b'],\n"records": {\n'
    before = b""
    for model, which in PERSONAL.items():
        yield before + _encode(str(table_of(model).name)) + b": ["
        yield from _listed(_rows(parts, model, which(person)))
        yield b"]"
        before = b",\n"
    yield b"\n}}\n"


def _sessions(parts: Parts, person: Person) -> Iterator[Json]:
    """Each session as the API tells it, with its whole history."""
    cursor: str | None = None
    while True:
        with parts.database.read() as db:
            wanted = SessionFilter(contact=person.id)
            page = find_sessions(db, wanted, refusal=_nobody, limit=50, cursor=cursor)
        for session in page.items:
            session.pop("handover", None)
            yield session | {"messages": list(_messages(parts, session["id"]))}
        cursor = page.next_cursor
        if cursor is None:
            return


def _messages(parts: Parts, session_id: str) -> Iterator[Json]:
    zone = parts.settings.workspace.zone
    cursor: str | None = None
    while True:
        with parts.database.read() as db:
            page = find_messages(db, session_id, zone=zone, limit=_PAGE, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _rows(parts: Parts, model: type[Base], which: ColumnElement[bool]) -> Iterator[Json]:
    """The rows of a table that are about the person, as they are kept; bytes lie in files."""
    table = table_of(model)
    key = list(table.primary_key.columns)
    columns = [one for one in table.columns if not isinstance(one.type, LargeBinary)]
    query = select(*columns).where(which).order_by(*key).limit(_PAGE)
    last: Sequence[Any] | None = None
    while True:
        page = query if last is None else query.where(tuple_(*key) > tuple_(*last))
        with parts.database.read() as db:
            rows = db.execute(page).all()
        for row in rows:
            told = row._mapping
            yield {str(one.name): _readable(one.name, told[one]) for one in columns}
        if len(rows) < _PAGE:
            return
        last = [rows[-1]._mapping[one] for one in key]


def _files(parts: Parts, person: Person) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Each file with a name that is safe anywhere, and its bytes."""
    last = ""
    while True:
        with parts.database.read() as db:
            rows = db.execute(
                select(FileRow.id, FileRow.name, FileRow.key)
                .where(
                    PERSONAL[FileRow](person),
                    FileRow.state.in_(("uploaded", "sent")),
                    FileRow.id > last,
                )
                .order_by(FileRow.id)
                .limit(_PAGE)
            ).all()
        for row in rows:
            try:
                yield f"{row.id}-{safe_name(row.name)}", parts.files.vault.read(row.key or "")
            except NotFound:
                log.error("file_missing", file=row.id)
        if len(rows) < _PAGE:
            return
        last = rows[-1].id


def _deliveries(parts: Parts, person: Person) -> Iterator[tuple[str, bytes]]:
    told: set[str] = set()
    last = ""
    while True:
        with parts.database.read() as db:
            rows = db.execute(
                select(InboxDelivery.id, InboxDelivery.body)
                .where(
                    PERSONAL[InboxDelivery](person),
                    InboxDelivery.forgotten_at.is_(None),
                    InboxDelivery.id > last,
                )
                .order_by(InboxDelivery.id)
                .limit(20)
            ).all()
        for row in rows:
            told.add(row.id)
            yield f"{row.id}.json", row.body
        if len(rows) < 20:
            break
        last = rows[-1].id
    for found in that_name(parts.database, person.words):
        for id, body in found:
            if id not in told:
                yield f"{id}.json", body


def _listed(items: Iterator[Json]) -> Iterator[bytes]:
    before = b""
    for item in items:
        yield before + _encode(item)
        before = b",\n"


def _readable(name: str, value: Any) -> Any:
    """Moments as people read them."""
    is_time = name in _TIMES or name.endswith(("_at", "_since", "_due"))
    if is_time and isinstance(value, int) and value > _NOT_A_TIME:
        return to_time(value % UNPLACED)
    return value


def _moment(parts: Parts) -> str:
    """The moment of an export."""
    return parts.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _encode(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _nobody(status: str, mode: str) -> str | None:
    """Nobody hands over what is exported."""
    return None
