"""Files as doors and workers use them: taken in, given out, opened by links, swept away."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain

import structlog
from sqlalchemy import delete, select, update

from gateway.clock import Clock, from_micros, to_micros
from gateway.config import FileSettings
from gateway.config.filetypes import KNOWN
from gateway.errors import GatewayError, NotFound, Oversized, Unavailable, Unreadable
from gateway.events import Attachment, Turn
from gateway.files import rows
from gateway.files.links import Links
from gateway.files.names import safe_name
from gateway.files.rows import Allowance, File, Owner
from gateway.files.sniffing import HEAD, recognise
from gateway.files.uploads import Upload
from gateway.files.vault import Vault
from gateway.rails.downloads import Download
from gateway.store import Database, Transaction, new_id
from gateway.store.models import FileRow

log = structlog.get_logger(__name__)

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An upload whose bytes are kept. It is a file once `Files.keep` has committed."""

    id: str
    name: str
    size: int
    sha256: str
    key: str = field(repr=False)


class Files:
    """Every file of the gateway. Shared by threads; nothing is opened before the first use."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        settings: FileSettings,
        *,
        links: Links,
        public_url: str,
        clock: Clock,
    ) -> None:
        self._database, self._clock = database, clock
        self.vault = vault
        self._links, self._public_url = links, public_url
        self.settings = settings

    @property
    def endings(self) -> list[str]:
        """What names of files that are taken end with, as a page tells it to a browser."""
        return [ending for name in self.settings.types for ending in KNOWN[name].endings]

    # -- taking in ---------------------------------------------------------------------------------

    def accept(self, owner: Owner, upload: Upload) -> File:
        """Take a file in. Raises Unreadable, Oversized, TypeNotAllowed, TooMany, Unavailable."""
        received = self.receive(owner, upload)
        try:
            return self._database.write(lambda db: self.keep(db, received))
        except GatewayError:
            self.discard(received)
            raise

    def receive(self, owner: Owner, upload: Upload) -> Received:
        """Keep an upload's bytes; nobody but upkeep knows of them before `keep`."""
        most = self.settings.max_bytes
        head, rest = _beginning(upload.chunks, most)
        if not head:
            raise Unreadable("the file is empty")
        what = recognise(head, safe_name(upload.name), self.settings.types)
        # Whoever says no length may send as much as a file may have.
        size = most if upload.declared is None else min(upload.declared, most)
        file_id, now = new_id("fil"), self._now()
        key = f"{from_micros(now):%Y-%m}/{file_id}"
        allowance = Allowance(
            files=self.settings.visitor_files_per_day, bytes=self.settings.visitor_bytes_per_day
        )
        self._database.write(
            lambda db: rows.announce(
                db, file_id, owner, what, key=key, size=size, now=now,
                allowance=allowance if owner.kind == "visitor" else None,
            )
        )  # fmt: skip
        measured = _Measured(chain([head], rest), most)
        try:
            self.vault.write(key, iter(measured))
        except Exception:
            self._database.write(lambda db: rows.forget_coming(db, file_id))
            raise
        return Received(
            id=file_id, name=what.name, size=measured.size, sha256=measured.sha256, key=key
        )

    def keep(self, db: Transaction, received: Received) -> File:
        """What was received is a file from now on. Raises Conflict."""
        return rows.keep(db, received.id, size=received.size, sha256=received.sha256)

    def discard(self, received: Received) -> None:
        """Forget what was received and not kept."""
        try:
            with self._database.read() as db:
                if not rows.is_coming(db, received.id):
                    return
            self.vault.remove(received.key)
            self._database.write(lambda db: rows.forget_coming(db, received.id))
        except Unavailable as trouble:  # upkeep finds it
            log.warning("file_not_removed", file=received.id, error=trouble.message)

    # -- giving out --------------------------------------------------------------------------------

    def download(self, file: File) -> Download:
        """A file with its bytes. Raises NotFound at once if the place has lost them."""
        try:
            chunks = self.vault.read(file.key)
        except NotFound:
            log.error("file_missing", file=file.id)
            raise
        return Download(
            name=file.name, content_type=file.content_type, size=file.size, chunks=chunks
        )

    def link(self, file_id: str) -> str:
        """An address that opens the file for a day, for programs of ours without a token."""
        return f"{self._public_url}/files/{self._links.token(file_id, self._seconds())}"

    def with_links(self, turn: Turn) -> Turn:
        """A question to the AI agent, with a link to each file of ours in it."""
        messages = [
            replace(one, attachments=[self._linked(each) for each in one.attachments])
            for one in turn.messages
        ]
        return replace(turn, messages=messages)

    def _linked(self, one: Attachment) -> Attachment:
        return one if one.file is None else replace(one, url=self.link(one.file))

    def opened_by(self, token: str) -> File:
        """The file that a link's token opens; raises NotFound."""
        file_id = self._links.file_of(token, self._seconds())
        with self._database.read() as db:
            return rows.find(db, file_id)

    # -- sweeping ----------------------------------------------------------------------------------

    def sweep(self) -> int:
        """Give up what never arrived or was never sent, and remove the bytes of what is gone.

        Returns how many files' bytes were removed.
        """
        now = self._now()
        self._database.write(lambda db: self._give_up(db, now))
        removed = 0
        while found := self._gone():
            done = [id for id, key in found if self._removed(id, key)]
            self._database.write(partial(_forget, ids=done))
            removed += len(done)
            if len(done) < _AT_ONCE:
                break
        self._database.write(lambda db: _forget_rows(db, now - _DAY_US))
        return removed

    def _give_up(self, db: Transaction, now: int) -> None:
        never_sent = FileRow.created_at < now - int(self.settings.keep_days * _DAY_US)
        rows.take_away(db, (FileRow.state == "uploaded") & never_sent, now)
        never_came = (FileRow.state == "coming") & (FileRow.created_at < now - _HOUR_US)
        db.execute(update(FileRow).where(never_came).values(size=0))
        rows.take_away(db, never_came, now)

    def _gone(self) -> list[tuple[str, str]]:
        with self._database.read() as db:
            found = db.execute(
                select(FileRow.id, FileRow.key)
                .where(FileRow.state == "gone", FileRow.key.is_not(None))
                .order_by(FileRow.gone_at)
                .limit(_AT_ONCE)
            )
            return [(id, key) for id, key in found if key is not None]

    def _removed(self, file_id: str, key: str) -> bool:
        try:
            self.vault.remove(key)
        except Unavailable as trouble:
            log.warning("file_not_removed", file=file_id, error=trouble.message)
            return False
        return True

    def _now(self) -> int:
        return to_micros(self._clock.now())

    def _seconds(self) -> float:
        return self._clock.now().timestamp()


class _Measured:
    """Chunks that are counted and summed as they go by. Raises Oversized."""

    def __init__(self, chunks: Iterator[bytes], most: int) -> None:
        self._chunks, self._most = chunks, most
        self._sum = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._sum.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            _check(self.size, self._most)
            self._sum.update(chunk)
            yield chunk


def _beginning(chunks: Iterator[bytes], most: int) -> tuple[bytes, Iterator[bytes]]:
    """What is looked at to tell what it is, and the rest."""
    head = bytearray()
    for chunk in chunks:
        head += chunk
        _check(len(head), most)
        if len(head) >= HEAD:
            break
    return bytes(head), chunks


def _check(size: int, most: int) -> None:
    if size > most:
        raise Oversized(f"a file has at most {most} bytes", details={"max_bytes": most})


def _forget(db: Transaction, ids: Collection[str]) -> None:
    if ids:
        db.execute(update(FileRow).where(FileRow.id.in_(ids)).values(key=None))


def _forget_rows(db: Transaction, until: int) -> None:
    """Of what was never in a message nothing needs to stay once it counts no more."""
    db.execute(
        delete(FileRow).where(
            FileRow.state == "gone",
            FileRow.key.is_(None),
            FileRow.message_id.is_(None),
            FileRow.created_at < until,
        )
    )
