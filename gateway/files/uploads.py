"""Reads an upload as it comes: one file of a multipart body, never whole in memory.

Not with Werkzeug's parser: where a piece ended within a boundary, it added a byte to the file (3.1,
November 2026).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.http import parse_options_header

from gateway.errors import Oversized, Unreadable

ROUND_THE_FILE = 16 * 1024
"""How many bytes a body may have beyond those of its file."""

_FIELD = "file"
_CHUNK = 64 * 1024
_MOST_PARTS = 8
_LONGEST_S = 15 * 60.0


class Body(Protocol):
    """What a request's body is read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at its end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file on its way: the name that it came with, and its bytes, which can be read once.

    `declared` is how many bytes the whole body has, where that was said. Reading raises Unreadable
    when the body ends early or brings a second file, and Oversized.
    """

    name: str
    chunks: Iterator[bytes]
    declared: int | None = None


def read_upload(body: Body, content_type: str, declared: int | None, *, most: int) -> Upload:
    """Find the file in a `multipart/form-data` body, which has at most `most` bytes.

    Raises Oversized and Unreadable.
    """
    if declared is not None and declared > most + ROUND_THE_FILE:
        raise Oversized(f"a file has at most {most} bytes", details={"max_bytes": most})
    kind, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not 0 < len(boundary) <= 70 or not boundary.isascii():
        raise Unreadable("send the file as multipart/form-data, in the field `file`")
    events = _events(body, boundary, most + ROUND_THE_FILE)
    for event in events:
        if isinstance(event, MultipartSegment):
            if event.name == _FIELD:
                name = event.filename or ""
                return Upload(name=name, chunks=_bytes_of(events), declared=declared)
            if event.filename is not None:
                raise Unreadable("the file belongs into the field `file`")
    raise Unreadable("there is no file in the body; its field is `file`")


def _bytes_of(events: Iterator[MultipartSegment | bytes | None]) -> Iterator[bytes]:
    """The bytes of the part that has begun; what follows it is read, too."""
    inside = True
    for event in events:
        if event is None:
            inside = False
        elif isinstance(event, MultipartSegment):
            if event.name == _FIELD or event.filename is not None:
                raise Unreadable("one file at a time")
        elif inside:
            yield event


def _events(body: Body, boundary: str, most: int) -> Iterator[MultipartSegment | bytes | None]:
    """What is in the body, piece by piece (None: a part ends), until it has ended as it should."""
    until = time.monotonic() + _LONGEST_S
    read = 0
    try:
        parser = PushMultipartParser(boundary, max_segment_count=_MOST_PARTS)
        while not parser.closed:
            chunk = body.read(_CHUNK)
            read += len(chunk)
            if read > most:
                raise Oversized("the body is larger than a file may be")
            if time.monotonic() > until:
                raise Unreadable("the upload took too long")
            yield from parser.parse(chunk)
            time.sleep(0)  # a fast sender must not keep every other greenlet waiting
    except (ParserLimitReached, RequestEntityTooLarge) as error:
        raise Oversized(
            "the body is too large, or has too many parts or too long a header"
        ) from error
    except (MultipartError, HTTPException, OSError) as error:
        # The sender went away, said a wrong length, or sends no multipart.
        raise Unreadable("the body ended early, or is not multipart/form-data") from error
