"""What pages load: one script and one style sheet, known by their content, built from `client/`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask, Response

from gateway.errors import NotFound
from gateway.rails.packed import Packed, pack, packed_answer

BUILT = Path(__file__).with_name("built")
ROOT = "/console/assets"
NOT_BUILT = "the console's scripts are not built here: run `make setup`, or `pip install .`"

_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One built file and what it is."""

    content_type: str
    file: Packed


@dataclass(frozen=True, slots=True)
class Files:
    """The built files by name; `script` and `style` are the addresses that pages load."""

    by_name: dict[str, File] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path = BUILT) -> Files:
        """Read them once; none where nothing is built."""
        names = [path for path in sorted(folder.glob("*")) if path.suffix in _TYPES]
        return cls({path.name: _read(path) for path in names})

    @property
    def script(self) -> str:
        """Where the script is."""
        return self._address("console-", ".js")

    @property
    def style(self) -> str:
        """Where the style sheet is."""
        return self._address("console-", ".css")

    def named(self, beginning: str, ending: str) -> str:
        """The address of another file: `named("icon-", ".svg")`."""
        return self._address(beginning, ending)

    def _address(self, beginning: str, ending: str) -> str:
        for name in self.by_name:
            if name.startswith(beginning) and name.endswith(ending):
                return f"{ROOT}/{name}"
        raise NotFound(NOT_BUILT)


_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
}


def add_file_doors(app: Flask, files: Files) -> None:
    """Add the door to built files. Their names change with them, so browsers keep them for ever."""

    @app.get(f"{ROOT}/<name>")
    def console_file(name: str) -> Response:
        file = files.by_name.get(name)
        if file is None:
            raise NotFound("there is no such file")
        return packed_answer(file.file, file.content_type, {"Cache-Control": _FOREVER})


def _read(path: Path) -> File:
    return File(content_type=_TYPES[path.suffix], file=pack(path.read_bytes()))
