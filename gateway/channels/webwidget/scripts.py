"""The scripts that a page loads: the loader, which is short-lived, and the app, known by its hash.

They are built from `client/` with the package (`hatch_build.py`) and are read once.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Response, request

from gateway.errors import NotFound

BUILT = Path(__file__).with_name("built")
LOADER = "widget.js"
NOT_BUILT = (
    "the widget's scripts are not built here: run `make setup` in a clone, or `pip install .`"
)

# How long a site goes on with an old loader after an update.
_LOADER_MAX_AGE_S = 300
_PUBLIC = {
    "Access-Control-Allow-Origin": "*",
    # Pages that isolate themselves (COEP) load nothing that does not say so.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Timing-Allow-Origin": "*",
    "Vary": "Accept-Encoding",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One built file, as it is and packed (gzip); `tag` names its content."""

    name: str
    plain: bytes
    packed: bytes
    tag: str


def is_built(folder: Path = BUILT) -> bool:
    """Tell whether the scripts are there."""
    return (folder / LOADER).exists() and any(folder.glob("app-*.js"))


def script_routes(folder: Path = BUILT) -> Blueprint:
    """The doors `/widget.js` and `/widget/v1/app-<hash>.js`: 404 where nothing is built."""
    scripts = _read(folder)
    app = next((one for name, one in scripts.items() if name != LOADER), None)
    blueprint = Blueprint("widget_scripts", __name__)

    @blueprint.get("/widget.js")
    def loader() -> Response:
        return _answer(scripts.get(LOADER), f"public, max-age={_LOADER_MAX_AGE_S}")

    @blueprint.get("/widget/v1/app-<hash>.js")
    def app_script(hash: str) -> Response:
        known = scripts.get(f"app-{hash}.js")
        if known is not None:
            return _answer(known, "public, max-age=31536000, immutable")
        # The loader of another version, from a cache or from a process not yet replaced: it gets
        # the app that there is, once.
        return _answer(app, "no-store")

    return blueprint


def _read(folder: Path) -> dict[str, Script]:
    if not is_built(folder):
        return {}
    scripts = {}
    for path in (folder / LOADER, *folder.glob("app-*.js")):
        plain = path.read_bytes()
        scripts[path.name] = Script(
            name=path.name,
            plain=plain,
            packed=gzip.compress(plain, 9, mtime=0),
            tag=hashlib.sha256(plain).hexdigest()[:20],
        )
    return scripts


def _answer(script: Script | None, caching: str) -> Response:
    if script is None:
        raise NotFound(NOT_BUILT)
    packed = request.accept_encodings.quality("gzip") > 0
    answer = Response(
        script.packed if packed else script.plain,
        content_type="text/javascript; charset=utf-8",
        headers={**_PUBLIC, "Cache-Control": caching},
    )
    if packed:
        answer.headers["Content-Encoding"] = "gzip"
    answer.set_etag(f"{script.tag}-gzip" if packed else script.tag)
    answer.make_conditional(request)
    return answer
