"""Bodies as browsers write them, and as nobody should."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.errors import Oversized, Theirs, Unreadable
from gateway.files import ROUND_THE_FILE, read_upload
from tests.files.samples import BOUNDARY, CONTENT_TYPE, body, part, png

MOST = 100_000


class Trickle(io.RawIOBase):
    """A body that comes as it likes, and counts what was taken of it."""

    def __init__(self, content: bytes | Iterator[bytes], at_once: int = 7) -> None:
        self._content, self._at_once = content, at_once
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        if isinstance(self._content, bytes):
            chunk = self._content[self.taken : self.taken + min(size, self._at_once)]
        else:
            chunk = next(self._content, b"")
        self.taken += len(chunk)
        return chunk


def read(content: Any, declared: int | None = None, content_type: str = CONTENT_TYPE) -> Any:
    stream = content if isinstance(content, io.RawIOBase) else io.BytesIO(content)
    upload = read_upload(stream, content_type, declared, most=MOST)  # type: ignore[arg-type]
    return upload.name, b"".join(upload.chunks)


@pytest.mark.parametrize("at_once", [*range(1, 80), 100_000])
def test_a_file_is_read_however_it_comes(at_once: int) -> None:
    content = png() + b"\r\n--" + BOUNDARY.encode()[:-1] + b"\r\n\r\n"  # nearly a boundary
    assert read(Trickle(body(content), at_once)) == ("photo.png", content)


@pytest.mark.parametrize("size", [0, 1, MOST - 1, MOST])
def test_every_byte_is_there(size: int) -> None:
    assert read(body(b"x" * size)) == ("photo.png", b"x" * size)


def test_names_come_as_browsers_write_them() -> None:
    assert read(body(b"x", "grüße.png"))[0] == "grüße.png"
    assert read(body(b"x", 'a "b".png'))[0] == 'a "b".png'
    assert read(body(b"x").replace(b'; filename="photo.png"', b""))[0] == ""


def test_other_fields_are_passed_over() -> None:
    field = b"--" + BOUNDARY.encode() + b'\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
    assert read(field + body(b"x")) == ("photo.png", b"x")
    end = b"--" + BOUNDARY.encode() + b"--\r\n"
    assert read(part(b"x") + field + end) == ("photo.png", b"x")


WRONG: dict[str, bytes] = {
    "nothing": b"",
    "no multipart": b'{"file": "x"}',
    "no parts": b"--" + BOUNDARY.encode() + b"--\r\n",
    "another field": body(b"x", field="picture"),
    "cut in the file": body(b"x" * 1000)[:500],
    "cut before the last boundary": part(b"x"),
    "cut in the boundary": body(b"x")[:-10],
    "two files": part(b"x") + body(b"y"),
    "no disposition": b"--" + BOUNDARY.encode() + b"\r\nA: b\r\n\r\nx\r\n",
    "a header that is no text": body(b"x").replace(b"photo", b"\xff\xfe"),
    "no end of headers": b"--" + BOUNDARY.encode() + b"\r\nA: b",
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_what_is_no_upload_is_refused(content: bytes) -> None:
    with pytest.raises(Unreadable):
        read(content)


@pytest.mark.parametrize(
    "content_type",
    [
        "", "application/json", "multipart/form-data", "multipart/form-data; boundary=",
        "multipart/mixed; boundary=x", f"multipart/form-data; boundary={'x' * 71}",
        "application/x-www-form-urlencoded",
    ],
)  # fmt: skip
def test_other_types_of_bodies_are_refused(content_type: str) -> None:
    with pytest.raises(Unreadable):
        read(body(b"x"), content_type=content_type)


def test_a_length_that_is_said_is_believed_before_anything_is_read() -> None:
    stream = Trickle(body(b"x"))
    with pytest.raises(Oversized):
        read(stream, declared=MOST + ROUND_THE_FILE + 1)
    assert stream.taken == 0


def test_a_body_without_end_is_left_soon() -> None:
    def endless() -> Iterator[bytes]:
        yield body(b"")[:200].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        while True:
            yield b"x" * 60_000

    stream = Trickle(endless())
    with pytest.raises(Oversized):
        read(stream)
    assert stream.taken < MOST + ROUND_THE_FILE + 70_000


def test_headers_without_end_are_left_soon() -> None:
    stream = Trickle(iter([b"--" + BOUNDARY.encode() + b"\r\nA: "] + [b"x" * 60_000] * 100))
    with pytest.raises(Oversized):
        read(stream)


def test_ten_thousand_parts_are_left_soon() -> None:
    field = b"--" + BOUNDARY.encode() + b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    for content in (field * 1_000 + body(b"x"), part(b"x") + field * 1_000):
        with pytest.raises(Theirs) as refused:
            read(content)
        assert refused.value.status in (400, 413)


def test_a_sender_who_goes_away_is_no_fault_of_ours() -> None:
    def gone() -> Iterator[bytes]:
        yield body(b"x" * 5000)[:3000]
        raise ConnectionResetError

    with pytest.raises(Unreadable):
        read(Trickle(gone()))
