"""Where the bytes of files lie: a folder of ours, or any other place that fsspec knows."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem
from fsspec.utils import get_protocol

from gateway.errors import ConfigError, NotFound, Unavailable

T = TypeVar("T")

_CHUNK = 64 * 1024


class Vault:
    """Writes, reads and removes the bytes of one file under a key of ours, as `folder/name`.

    Trouble of the place is Unavailable. Nothing is opened before the first use.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        """`url` and `options` are fsspec's; a path is a folder of this machine.

        Raises ConfigError for a place that cannot be used here.
        """
        self._url, self._options = url, dict(options or {})
        kind = get_protocol(url)
        try:
            fsspec.get_filesystem_class(kind)
        except ValueError as error:
            raise ConfigError([f"[files] url: fsspec knows no {kind}:// addresses"]) from error
        except ImportError as error:
            raise ConfigError([f"[files] url: {error}"]) from error

    @cached_property
    def _place(self) -> tuple[Any, str]:
        system, root = fsspec.url_to_fs(self._url, **self._options)
        if isinstance(system, LocalFileSystem):
            Path(root).mkdir(mode=0o700, parents=True, exist_ok=True)
        return system, root.rstrip("/")

    def write(self, key: str, chunks: Iterator[bytes]) -> None:
        """Write it whole, and onto the disk where the place is one; else leave nothing behind.

        What `chunks` raises goes through.
        """
        with _trouble("kept"):
            system, root = self._place
            path = f"{root}/{key}"
            folder = path.rpartition("/")[0]
            system.makedirs(folder, exist_ok=True)
            file = system.open(path, "wb")
        try:
            for chunk in chunks:
                with _trouble("kept"):
                    file.write(chunk)
            with _trouble("kept"):
                if isinstance(system, LocalFileSystem):
                    _onto_the_disk(file, (folder, root))
                file.close()
        except BaseException:
            with suppress(OSError, Unavailable):
                file.close()
            with suppress(Unavailable):
                self.remove(key)
            raise

    def read(self, key: str) -> Iterator[bytes]:
        """Its bytes, piece by piece. Raises NotFound at once if there are none."""
        with _trouble("read"):
            system, root = self._place
            try:
                file = system.open(f"{root}/{key}", "rb")
            except FileNotFoundError as error:
                raise NotFound("the file is not there any more") from error
        return _Pieces(file)

    def remove(self, key: str) -> None:
        """Take it away; nothing happens if it is gone."""
        with _trouble("removed"):
            system, root = self._place
            with suppress(FileNotFoundError):
                system.rm_file(f"{root}/{key}")


class _Pieces:
    """A file's bytes, piece by piece; closed by whoever has it, even if nothing was read."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk: bytes = self._file.read(_CHUNK)
        if not chunk:
            self.close()
            raise StopIteration
        time.sleep(0)  # a fast reader must not keep every other greenlet waiting
        return chunk

    def close(self) -> None:
        self._file.close()


def _onto_the_disk(file: Any, folders: tuple[str, ...]) -> None:
    """What is answered is on the disk: the bytes, and the names that lead to them."""
    file.flush()
    descriptor = file.fileno()

    def settle() -> None:
        os.fsync(descriptor)
        for folder in folders:
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(opened)
            finally:
                os.close(opened)

    _aside(settle)


def _aside(work: Callable[[], T]) -> T:
    """Wait for the disk in a thread of its own where waiting would stop every greenlet."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return work()
    from gevent import get_hub

    done: T = get_hub().threadpool.apply(work)
    return done


class _trouble:
    """Tells trouble of the place as Unavailable, without its words: they may hold addresses."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if isinstance(error, OSError):
            name = type(error).__name__
            raise Unavailable(f"the file cannot be {self._what} just now ({name})") from error
