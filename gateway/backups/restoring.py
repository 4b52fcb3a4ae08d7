"""Restoring a backup into an empty folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import IO

from gateway.backups.manifest import (
    DATABASE,
    FILES,
    MANIFEST,
    Manifest,
    Progress,
    is_member,
    read_manifest,
)
from gateway.errors import Conflict, NotFound, Unavailable, Unreadable
from gateway.store.migrate import knows

_DAMAGED = "the backup is damaged, or is none: "
_CHUNK = 1 << 20
_LONGEST_MANIFEST = 256 << 20


def restore(source: Path, database: Path, files: Path | None, *, tell: Progress) -> Manifest:
    """Put what a backup holds where the gateway looks for it; the caller migrates it then.

    Everything is checked before the first file is in its place. Raises NotFound without `source`,
    Conflict where something is in the way, Unreadable for what is no whole backup or of a newer
    gateway, Unavailable if it cannot be written.
    """
    for path in (database, database.with_name(f"{database.name}-wal")):
        if path.exists():
            raise Conflict(f"{path} is there already; a backup is restored into an empty folder")
    if files is not None and files.exists() and any(files.iterdir()):
        raise Conflict(f"{files} is not empty; a backup is restored into an empty folder")
    draft = database.with_name(f"{database.name}.restoring")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(mode=0o700)
        manifest = _unpack(source, draft, tell)
        if not knows(manifest.schema):
            raise Unreadable(
                f"it was taken by gateway {manifest.gateway}, whose tables this version does not "
                "know; install that version or a newer one"
            )
        if files is None and (draft / FILES).exists():
            raise Conflict("it holds files, and [files] url names a place that is no folder here")
        if files is not None and (draft / FILES).exists():
            _move(draft / FILES, files)
        os.replace(draft / DATABASE, database)
        _onto_the_disk(database.parent)
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {source}") from error
    except OSError as error:
        raise Unavailable(f"the backup cannot be restored: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def _unpack(source: Path, into: Path, tell: Progress) -> Manifest:
    """Write each member into the folder; raise Unreadable if one is not as the manifest has it."""
    manifest: Manifest | None = None
    found: dict[str, str] = {}
    with source.open("rb") as file:
        total = os.fstat(file.fileno()).st_size
        try:
            with tarfile.open(fileobj=file, mode="r:gz") as tar:
                for entry in tar:
                    content = tar.extractfile(entry) if entry.isreg() else None
                    if content is None or not (entry.name == MANIFEST or is_member(entry.name)):
                        raise Unreadable(f"{_DAMAGED}it holds {entry.name[:80]!r}")
                    if entry.name == MANIFEST:
                        manifest = read_manifest(content.read(_LONGEST_MANIFEST))
                    else:
                        found[entry.name] = _write(content, into / entry.name)
                    tell(min(file.tell(), total), total)
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise Unreadable(f"{_DAMAGED}{error}") from error
    if manifest is None:
        raise Unreadable(f"{_DAMAGED}it has no manifest, so its end is missing")
    for name in sorted({*found, *manifest.members}):
        if found.get(name) != manifest.members.get(name):
            raise Unreadable(f"{_DAMAGED}{name} is not as its manifest has it")
    return manifest


def _write(content: IO[bytes], path: Path) -> str:
    """Write one file onto the disk; return its digest."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _move(source: Path, target: Path) -> None:
    """Put a folder in its place; another disk needs a copy."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if target.exists():
        target.rmdir()
    shutil.move(source, target)
    _onto_the_disk(target.parent)


def _onto_the_disk(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
