"""What a file is: its first bytes decide, never what the upload says.

A list of what is allowed, not a guess at anything: libraries that guess (puremagic, filetype; seen
in November 2026) miss files that phones make every day and tell no zip from a document. A type that
is not told here is not taken.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import BytesIO

import imagesize

from gateway.config.filetypes import KNOWN, FileType
from gateway.errors import Unreadable
from gateway.files.names import ending_of, stem_of

HEAD = 64 * 1024
"""How many of the first bytes are looked at."""

_LONGEST_SIDE = 65_535
_MARKUP = re.compile(
    rb"\s*(?:<!doctype\b|<\?(?:xml|php|=)|<!--|<[a-z][a-z0-9:-]*[\s/>]|#!|%!ps)", re.IGNORECASE
)
# What no text holds (the WHATWG's "binary data bytes").
_BINARY = bytes([*range(0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)])
_BRANDS = {
    b"heic": ".heic", b"heix": ".heic", b"heim": ".heic", b"heis": ".heic", b"hevc": ".heic",
    b"hevx": ".heic", b"mif1": ".heic", b"msf1": ".heic", b"avif": ".avif", b"avis": ".avif",
    b"qt  ": ".mov", b"M4A ": ".m4a", b"M4B ": ".m4a",
    b"isom": ".mp4", b"iso2": ".mp4", b"iso4": ".mp4", b"iso5": ".mp4", b"iso6": ".mp4",
    b"mp41": ".mp4", b"mp42": ".mp4", b"avc1": ".mp4", b"M4V ": ".mp4", b"M4VP": ".mp4",
    b"MSNV": ".mp4", b"dash": ".mp4", b"mmp4": ".mp4", b"3gp4": ".mp4", b"3gp5": ".mp4",
}  # fmt: skip
_OPEN = re.compile(rb"PK\x03\x04.{22}\x08\x00.{2}mimetype([a-z.+/-]{1,80})", re.DOTALL)
_OFFICE_ENTRY = re.compile(rb"PK\x03\x04.{26}(word|xl|ppt)/", re.DOTALL)
_OFFICE = {b"word": ".docx", b"xl": ".xlsx", b"ppt": ".pptx"}


class TypeNotAllowed(Unreadable):
    """A file of a type that is not taken here."""

    code = "type_not_allowed"
    status = 415


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What a file is, and the name that says so. The sides of a picture are in pixels, as shown."""

    type: FileType
    name: str
    width: int | None = None
    height: int | None = None


def recognise(head: bytes, name: str, allowed: Collection[str]) -> Recognised:
    """Tell a file by its first bytes (`HEAD`, or all of it) and its safe name.

    `allowed` are names of types. Raises TypeNotAllowed.
    """
    possible = [KNOWN[one] for one in _possible(head) if one in allowed]
    ending = ending_of(name)
    named = [kind for kind in possible if ending in kind.endings]
    if not possible or (possible[0].content_type.startswith("text/") and ending and not named):
        # Words are taken for what their name says, so a program is not let in as a text.
        raise TypeNotAllowed(
            "files of this type are not taken here; what a file is, its content decides",
            details={"types": sorted(allowed)},
        )
    kind = named[0] if named else possible[0]
    if not named:
        known = {one for other in KNOWN.values() for one in other.endings}
        name = (stem_of(name) if ending in known else name) + kind.name
    width, height = _sides(head) if kind.content_type.startswith("image/") else (None, None)
    return Recognised(type=kind, name=name, width=width, height=height)


def _possible(head: bytes) -> Iterator[str]:
    """The types that bytes may be of, the likeliest first."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        yield ".png"
    elif head.startswith(b"\xff\xd8\xff"):
        yield ".jpg"
    elif head[:6] in (b"GIF87a", b"GIF89a"):
        yield ".gif"
    elif head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"WAVE"):
        yield ".webp" if head[8:12] == b"WEBP" else ".wav"
    elif head[4:8] == b"ftyp":
        yield from _in_boxes(head)
    elif head.startswith(b"%PDF-"):
        yield ".pdf"
    elif head.startswith(b"{\\rtf1"):
        yield ".rtf"
    elif head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        yield from _in_zip(head)
    elif head.startswith(b"\x1aE\xdf\xa3") and b"webm" in head[:64]:
        yield ".webm"
    elif head.startswith(b"OggS\x00"):
        yield ".ogg"
    elif head.startswith(
        (b"ID3\x02", b"ID3\x03", b"ID3\x04", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")
    ):
        yield ".mp3"
    elif _is_text(head):
        yield from (".txt", ".csv")


def _in_boxes(head: bytes) -> Iterator[str]:
    """ISO's box format: the first brand that is known says what is in it."""
    end = min(int.from_bytes(head[:4], "big"), 256)
    brands = (head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4)))
    found = next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    if found == ".heic" and b"avif" in brands:  # its first brand may be what both are
        found = ".avif"
    if found is not None:
        yield found


def _in_zip(head: bytes) -> Iterator[str]:
    """A document says what it is by the names in the archive, which is never opened."""
    if declared := _OPEN.match(head):
        yield from (
            kind.name for kind in KNOWN.values() if kind.content_type.encode() == declared[1]
        )
    elif b"[Content_Types].xml" in head and (folder := _OFFICE_ENTRY.search(head)):
        yield _OFFICE[folder[1]]
    yield ".zip"


def _is_text(head: bytes) -> bool:
    """Words that no program takes for markup or a script."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    words = head.removeprefix(b"\xef\xbb\xbf")
    return not _MARKUP.match(words) and len(words.translate(None, _BINARY)) == len(words)


def _sides(head: bytes) -> tuple[int | None, int | None]:
    """Width and height of a picture as it is shown; None where its header does not tell."""
    try:
        width, height = imagesize.get(BytesIO(head))
    except (ValueError, IndexError, KeyError, OverflowError, struct.error):
        return None, None
    if 0 < width <= _LONGEST_SIDE and 0 < height <= _LONGEST_SIDE:
        return int(width), int(height)
    return None, None
