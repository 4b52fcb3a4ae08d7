"""The scripts that a page loads, as they were built from `client/` with the package."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from gateway.rails.packed import Packed, pack

BUILT = Path(__file__).with_name("built")
LOADER = "widget.js"
NOT_BUILT = "the widget's scripts are not built here"
# As loader.ts has it.
_USUAL_COLOR = b"#1f5eff"
HOW_TO_BUILD = "run `make setup` in a clone, or `pip install .`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One built file; `tag` names its content."""

    file: Packed
    tag: str


def is_built(folder: Path = BUILT) -> bool:
    """Tell whether the scripts are there."""
    return (folder / LOADER).exists() and any(folder.glob("app-*.js"))


def read_scripts(folder: Path = BUILT, color: str | None = None) -> dict[str, Script]:
    """Return the loader and the app by their names; nothing if they are not built.

    `color` is the one that the launcher wears where the page says none: the loader knows it before
    anything is asked of us.
    """
    if not is_built(folder):
        return {}
    contents = {path.name: path.read_bytes() for path in sorted(folder.glob("*.js"))}
    if color is not None:
        contents[LOADER] = contents[LOADER].replace(_USUAL_COLOR, color.encode())
    return {
        name: Script(file=pack(plain), tag=hashlib.sha256(plain).hexdigest()[:20])
        for name, plain in contents.items()
    }
