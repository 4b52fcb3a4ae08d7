"""Files on their way out: always to be saved, never to be run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from flask import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file as it is given out: `size` in bytes, and the bytes, piece by piece."""

    name: str
    content_type: str
    size: int
    chunks: Iterator[bytes] = field(repr=False)


def download_answer(file: Download) -> Response:
    """The file as an answer. No browser takes it for anything else than it is, or opens it here,
    and none keeps a copy, which would outlast a logout."""
    answer = Response(file.chunks, content_type=file.content_type)
    headers = answer.headers
    headers["Content-Length"] = str(file.size)
    headers["Content-Disposition"] = _disposition(file.name)
    headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cache-Control"] = "private, no-store"
    return answer


def _disposition(name: str) -> str:
    """The name twice, as RFC 6266 has it: for those who know only ASCII, and as it is."""
    plain = "".join(one if one.isascii() and one.isprintable() else "_" for one in name)
    plain = plain.replace("\\", "_").replace('"', "_")
    told = f'attachment; filename="{plain}"'
    return told if plain == name else f"{told}; filename*=UTF-8''{quote(name, safe='')}"
