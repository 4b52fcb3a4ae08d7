"""Taking a backup while the gateway runs."""

from __future__ import annotations

import hashlib
import io
import os
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

from gateway import __version__
from gateway.backups.manifest import DATABASE, FILES, MANIFEST, Manifest, Progress
from gateway.clock import Clock
from gateway.errors import Conflict, NotFound, Unavailable

_PAGES_AT_ONCE = 2000
# Most of what is in a file is packed already; a database packs well even so.
_PACKED = 1


def take(
    database: Path,
    files: Path | None,
    into: Path,
    *,
    clock: Clock,
    tell: Progress,
    pages: int = _PAGES_AT_ONCE,
) -> Manifest:
    """Write the database, as it is at one moment, and its files into a new file.

    `files` is None where they lie elsewhere. The file appears whole or not at all.
    Raises NotFound without a database, Conflict if `into` is there, Unavailable where it cannot be
    written.
    """
    if not database.exists():
        raise NotFound(f"there is no database at {database}")
    if into.exists():
        raise Conflict(f"{into} is there already; name a new file")
    draft, copy = into.with_name(f"{into.name}.part"), into.with_name(f"{into.name}.db")
    try:
        for path in (draft, copy):  # what is in them is for our eyes only
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        schema = _copy_database(database, copy, pages, tell)
        manifest = Manifest(
            gateway=__version__,
            schema=schema,
            taken_at=clock.now().isoformat(timespec="seconds"),
            elsewhere=files is None,
        )
        with draft.open("wb") as file:
            _pack(file, copy, files, manifest, tell)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, into)  # not over one that has come meanwhile
    except FileExistsError as error:
        raise Conflict(f"{into} is there already; name a new file") from error
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Unavailable(f"the backup cannot be written: {reason}") from error
    finally:
        draft.unlink(missing_ok=True)
        copy.unlink(missing_ok=True)
    return manifest


def _copy_database(source: Path, target: Path, pages: int, tell: Progress) -> str:
    """Copy the database as it is now; return its schema's revision.

    The open read transaction holds SQLite to one moment: without it each write of another process
    would make the copy begin anew. Writers go on meanwhile, into the write-ahead log.
    """
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(target)) as writing,
    ):
        reading.isolation_level = None
        reading.execute("BEGIN")
        row = reading.execute("SELECT version_num FROM alembic_version").fetchone()
        (size,) = reading.execute("PRAGMA page_size").fetchone()
        reading.backup(
            writing,
            pages=pages,
            progress=lambda _, left, total: tell((total - left) * size, total * size),
        )
        # One file, without a log beside it.
        writing.execute("PRAGMA journal_mode=DELETE")
    return str(row[0])


def _pack(
    file: IO[bytes], database: Path, files: Path | None, manifest: Manifest, tell: Progress
) -> None:
    # After the database: what it names is there.
    found = [(database, DATABASE), *_below(files)]
    total = sum(path.stat().st_size for path, _ in found)
    done = 0
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=_PACKED) as tar:
        for path, name in found:
            try:
                opened = path.open("rb")
            except FileNotFoundError:  # removed since: nothing that was sent
                continue
            with opened:
                entry = _entry(name, os.fstat(opened.fileno()).st_size)
                read = _Read(opened, done, total, tell)
                tar.addfile(entry, read)
            manifest.members[name] = read.digest.hexdigest()
            done += entry.size
        told = manifest.to_json()
        tar.addfile(_entry(MANIFEST, len(told)), io.BytesIO(told))


def _below(folder: Path | None) -> Iterator[tuple[Path, str]]:
    if folder is None or not folder.is_dir():
        return
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path, f"{FILES}/{path.relative_to(folder).as_posix()}"


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


class _Read:
    """A file that is read for the tar; its digest and how far it is are known meanwhile."""

    def __init__(self, file: IO[bytes], before: int, total: int, tell: Progress) -> None:
        self.digest = hashlib.sha256()
        self._file, self._done, self._total, self._tell = file, before, total, tell

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        self._done += len(data)
        self._tell(self._done, self._total)
        return data
