"""Files that browsers load: read and packed once, answered as they are or as gzip."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Response, request

_WORTH_IT = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """One file, as it is and as gzip; None where that saves too little."""

    plain: bytes
    packed: bytes | None


def pack(plain: bytes) -> Packed:
    """Pack a file; the same bytes are packed the same."""
    packed = gzip.compress(plain, 9, mtime=0)
    return Packed(plain=plain, packed=packed if len(packed) < _WORTH_IT * len(plain) else None)


def packed_answer(
    file: Packed, content_type: str, headers: Mapping[str, str], tag: str | None = None
) -> Response:
    """Answer with a file; with a `tag` of its content, 304 to whoever has it already."""
    packed = file.packed if request.accept_encodings.quality("gzip") > 0 else None
    answer = Response(
        file.plain if packed is None else packed, content_type=content_type,
        headers={**headers, "Vary": "Accept-Encoding"},
    )  # fmt: skip
    if packed is not None:
        answer.headers["Content-Encoding"] = "gzip"
    if tag is not None:
        answer.set_etag(tag if packed is None else f"{tag}-gzip")
        answer.make_conditional(request)
    return answer
