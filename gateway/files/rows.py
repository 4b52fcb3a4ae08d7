"""What is known of files: from upload to message to gone, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, select, update

from gateway.errors import Conflict, NotFound, TooMany
from gateway.events import Attachment
from gateway.files.sniffing import Recognised
from gateway.rails.parsing import Invalid
from gateway.store import Transaction
from gateway.store.models import FileRow
from gateway.store.prepared import Prepared
from gateway.store.sql import dialect_of, insert_into, literals, locked, table_of

MOST_IN_A_MESSAGE = 5

_DAY_US = 24 * 3_600_000_000
_FILES = table_of(FileRow)
_BIND = Prepared(
    lambda _: update(_FILES).where(
        _FILES.c.id == bindparam("file"), _FILES.c.state.in_(literals("uploaded"))
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who brought a file. `channel` is a visitor's deployment, None for an operator."""

    kind: Literal["visitor", "operator"]
    id: str
    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file whose bytes are there. Sides are in pixels; `message_id` is None until it was sent."""

    id: str
    owner: Owner
    name: str
    content_type: str
    size: int
    sha256: str
    width: int | None
    height: int | None
    key: str
    conversation_id: str | None
    message_id: str | None
    created_at: int

    def as_attachment(self) -> Attachment:
        """As it stands in a message."""
        return Attachment(
            url="",
            name=self.name,
            content_type=self.content_type,
            size=self.size,
            file=self.id,
            width=self.width,
            height=self.height,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How much one visitor may upload within 24 hours: files, and bytes in all."""

    files: int
    bytes: int


def announce(
    db: Transaction,
    file_id: str,
    owner: Owner,
    what: Recognised,
    *,
    key: str,
    size: int,
    allowance: Allowance | None,
    now: int,
) -> None:
    """Note that a file of at most `size` bytes is coming. Raises TooMany."""
    if allowance is not None:
        _check(db, owner, size, allowance, now)
    db.execute(
        insert_into(db, FileRow).values(
            id=file_id,
            state="coming",
            owner_kind=owner.kind,
            owner_id=owner.id,
            channel=owner.channel,
            name=what.name,
            content_type=what.type.content_type,
            size=size,
            width=what.width,
            height=what.height,
            key=key,
            created_at=now,
        )
    )


def _check(db: Transaction, owner: Owner, size: int, allowance: Allowance, now: int) -> None:
    # Of uploads at the same moment, the second one counts the first.
    if dialect_of(db).name == "postgresql":
        key = f"files of {owner.id}"
        db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))
    since = now - _DAY_US
    number, total, oldest = db.execute(
        select(
            func.count(), func.coalesce(func.sum(FileRow.size), 0), func.min(FileRow.created_at)
        ).where(FileRow.owner_id == owner.id, FileRow.created_at > since)
    ).one()
    if number >= allowance.files or int(total) + size > allowance.bytes:
        raise TooMany(
            "these are more files than may be uploaded within a day",
            after_s=max(((oldest or now) - since) / 1e6, 60.0),
        )


def keep(db: Transaction, file_id: str, *, size: int, sha256: str) -> File:
    """The bytes are there: from now on there is such a file.

    Raises Conflict if upkeep has given it up.
    """
    row = db.execute(
        update(FileRow)
        .where(FileRow.id == file_id, FileRow.state == "coming")
        .values(state="uploaded", size=size, sha256=sha256)
        .returning(*_COLUMNS)
    ).one_or_none()
    if row is None:
        raise Conflict("the upload took too long")
    return _file(row)


def is_coming(db: Transaction, file_id: str) -> bool:
    """Whether an upload has come to nothing yet."""
    coming = select(FileRow.id).where(FileRow.id == file_id, FileRow.state == "coming")
    return db.scalar(coming) is not None


def forget_coming(db: Transaction, file_id: str) -> None:
    """An upload came to nothing, and its bytes are removed."""
    db.execute(delete(FileRow).where(FileRow.id == file_id, FileRow.state == "coming"))


def find(db: Transaction, file_id: str) -> File:
    """A file whose bytes are there; raise NotFound."""
    row = db.execute(
        select(*_COLUMNS).where(FileRow.id == file_id, FileRow.state.in_(("uploaded", "sent")))
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such file")
    return _file(row)


def to_send(
    db: Transaction,
    owner: Owner,
    ids: Sequence[str],
    *,
    sent_in: str | None = None,
    locking: bool = False,
) -> list[File]:
    """Files of this owner that can go into a message, in the order of `ids`.

    Those that went into the message `sent_in` before count, too: it is said again. `locking`: no
    other message gets them before this transaction ends. Raises Invalid, which tells nothing of
    others' files.
    """
    if len(ids) > MOST_IN_A_MESSAGE or len(set(ids)) != len(ids):
        raise _invalid(f"at most {MOST_IN_A_MESSAGE} files, each of them once")
    mine = (FileRow.owner_id == owner.id, FileRow.owner_kind == owner.kind)
    found = _by_id(db, ids, *mine, locking=locking)
    usable = {
        file.id: file for file in found if file.message_id is None or file.message_id == sent_in
    }
    if any(id not in usable for id in ids):
        raise _invalid("there is no such file of yours, or it was sent already")
    return [usable[id] for id in ids]


def _invalid(problem: str) -> Invalid:
    return Invalid(f"files: {problem}", details={"fields": {"files": [problem]}})


def claim(
    db: Transaction, owner_id: str | None, attachments: Sequence[Attachment]
) -> Sequence[Attachment]:
    """Lock those files among attachments that can still be sent; what is not ours stays.

    Files that went into another message meanwhile, or are gone, are left out.
    """
    ids = [one.file for one in attachments if one.file is not None]
    if not ids:
        return attachments
    mine = FileRow.owner_id == owner_id
    free = {file.id for file in _by_id(db, ids, mine, FileRow.state == "uploaded", locking=True)}
    return [one for one in attachments if one.file is None or one.file in free]


def bind(
    db: Transaction,
    attachments: Sequence[Attachment],
    conversation_id: str,
    message_id: str,
    now: int,
) -> None:
    """These files, which were claimed, are in this message now (written when the message is)."""
    for one in attachments:
        if one.file is not None:
            place = {"conversation_id": conversation_id, "message_id": message_id}
            _BIND.later(db, {"file": one.file, "state": "sent", **place, "sent_at": now})


def take_away(db: Transaction, which: ColumnElement[bool], now: int) -> int:
    """Take files away, names and all; upkeep removes their bytes. Returns how many."""
    taken = db.execute(
        update(FileRow)
        .where(which, FileRow.state != "gone")
        .values(state="gone", gone_at=now, name="", sha256=None, width=None, height=None)
    )
    return int(getattr(taken, "rowcount", 0))


def _by_id(
    db: Transaction, ids: Collection[str], *more: ColumnElement[bool], locking: bool = False
) -> list[File]:
    if not ids:
        return []
    there = FileRow.state.in_(("uploaded", "sent"))
    query = select(*_COLUMNS).where(FileRow.id.in_(ids), there, *more).order_by(FileRow.id)
    return [_file(row) for row in db.execute(locked(db, query) if locking else query)]


_COLUMNS = (
    FileRow.id, FileRow.owner_kind, FileRow.owner_id, FileRow.channel, FileRow.name,
    FileRow.content_type, FileRow.size, FileRow.sha256, FileRow.width, FileRow.height, FileRow.key,
    FileRow.conversation_id, FileRow.message_id, FileRow.created_at,
)  # fmt: skip


def _file(row: Row[*tuple[Any, ...]]) -> File:
    told = row._asdict()
    owner = Owner(kind=told["owner_kind"], id=told["owner_id"], channel=told["channel"])
    names = [name for name in File.__dataclass_fields__ if name != "owner"]
    return File(owner=owner, **{name: told[name] for name in names})
