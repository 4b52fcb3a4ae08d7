"""What a backup says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import msgspec

from gateway.errors import Unreadable

DATABASE, FILES, MANIFEST = "gateway.db", "files", "manifest.json"
FORMAT = 1

Progress = Callable[[int, int], object]
"""Told how many bytes of how many are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Which gateway took it and when (ISO 8601), its tables' revision, each member's SHA-256.

    `elsewhere`: its files lie at an address that is none of ours to copy.
    """

    format: int = FORMAT
    gateway: str
    schema: str
    taken_at: str
    elsewhere: bool = False
    members: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Write it."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)


def read_manifest(data: bytes) -> Manifest:
    """Read it; raise Unreadable for what is none, or of a form that this version does not know."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise Unreadable("this is no backup: its manifest cannot be read") from error
    if manifest.format != FORMAT:
        raise Unreadable(f"it was taken by gateway {manifest.gateway}; this version is too old")
    if DATABASE not in manifest.members or not all(map(is_member, manifest.members)):
        raise Unreadable("this is no backup: its manifest names what cannot be in one")
    return manifest


def is_member(name: str) -> bool:
    """Tell whether a backup may hold a file of this name: nothing leads out of its folder."""
    if name == DATABASE:
        return True
    path = PurePosixPath(name)
    return (
        len(path.parts) > 1
        and path.parts[0] == FILES
        and ".." not in path.parts
        and str(path) == name
        and "\\" not in name
        and "\0" not in name
    )
