"""The scripts that a page loads, as they were built from `client/` with the package."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from gateway.rails.packed import Packed, pack

BUILT = Path(__file__).with_name("built")
LOADER = "widget.js"
NOT_BUILT = "the widget's scripts are not built here"
HOW_TO_BUILD = "run `make setup` in a clone, or `pip install .`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One built file; `tag` names its content."""

    file: Packed
    tag: str


def is_built(folder: Path = BUILT) -> bool:
    """Tell whether the scripts are there."""
    return (folder / LOADER).exists() and any(folder.glob("app-*.js"))


def read_scripts(folder: Path = BUILT) -> dict[str, Script]:
    """Return the loader and the app by their names; nothing if they are not built."""
    if not is_built(folder):
        return {}
    contents = {path.name: path.read_bytes() for path in sorted(folder.glob("*.js"))}
    return {
        name: Script(file=pack(plain), tag=hashlib.sha256(plain).hexdigest()[:20])
        for name, plain in contents.items()
    }
