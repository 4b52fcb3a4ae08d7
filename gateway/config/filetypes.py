"""The types of files that can be told by their bytes, and so be allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class FileType:
    """One type. `endings` are what names of such files end with, the usual one first."""

    endings: tuple[str, ...]
    content_type: str

    @property
    def name(self) -> str:
        """The word for it in the settings: its usual ending."""
        return self.endings[0]


_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"

_KNOWN = (
    ("image/png", ".png"),
    ("image/jpeg", ".jpg", ".jpeg", ".jfif"),
    ("image/gif", ".gif"),
    ("image/webp", ".webp"),
    ("image/heic", ".heic", ".heif"),
    ("image/avif", ".avif"),
    ("application/pdf", ".pdf"),
    ("application/rtf", ".rtf"),
    ("text/plain", ".txt", ".log"),
    ("text/csv", ".csv"),
    (f"{_OFFICE}.wordprocessingml.document", ".docx"),
    (f"{_OFFICE}.spreadsheetml.sheet", ".xlsx"),
    (f"{_OFFICE}.presentationml.presentation", ".pptx"),
    (f"{_OPEN}.text", ".odt"),
    (f"{_OPEN}.spreadsheet", ".ods"),
    (f"{_OPEN}.presentation", ".odp"),
    ("application/zip", ".zip"),
    ("video/mp4", ".mp4", ".m4v"),
    ("video/quicktime", ".mov"),
    ("video/webm", ".webm"),
    ("audio/mp4", ".m4a"),
    ("audio/mpeg", ".mp3"),
    ("audio/ogg", ".ogg", ".oga", ".opus"),
    ("audio/wav", ".wav"),
)
KNOWN: Mapping[str, FileType] = MappingProxyType(
    {
        endings[0]: FileType(endings=endings, content_type=content_type)
        for content_type, *rest in _KNOWN
        for endings in [tuple(rest)]
    }
)
"""Every type by its name. Those that run (SVG, HTML, programs) are not among them on purpose."""

USUAL: tuple[str, ...] = (
    ".png", ".jpg", ".gif", ".webp", ".heic", ".pdf", ".txt", ".csv", ".docx", ".xlsx", ".pptx",
    ".odt", ".ods", ".odp", ".zip", ".mp4",
)  # fmt: skip
"""What is allowed unless the settings say otherwise."""
