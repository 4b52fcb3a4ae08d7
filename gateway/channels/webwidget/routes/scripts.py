"""The doors of the scripts: the loader, which is short-lived, and the app, known by its hash."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response

from gateway.channels.webwidget.scripts import (
    BUILT,
    HOW_TO_BUILD,
    LOADER,
    NOT_BUILT,
    Script,
    read_scripts,
)
from gateway.errors import NotFound
from gateway.rails.packed import packed_answer

# How long a site goes on with an old loader after an update.
_LOADER_MAX_AGE_S = 300
_PUBLIC = {
    "Access-Control-Allow-Origin": "*",
    # Pages that isolate themselves (COEP) load nothing that does not say so.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Timing-Allow-Origin": "*",
}


def script_routes(folder: Path = BUILT, color: str | None = None) -> Blueprint:
    """The doors `/widget.js` and `/widget/v1/app-<hash>.js`: 404 where nothing is built.

    `color`: the launcher's on pages that say none.
    """
    scripts = read_scripts(folder, color)
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


def _answer(script: Script | None, caching: str) -> Response:
    if script is None:
        raise NotFound(f"{NOT_BUILT}: {HOW_TO_BUILD}")
    return packed_answer(
        script.file, "text/javascript; charset=utf-8", {**_PUBLIC, "Cache-Control": caching},
        script.tag,
    )  # fmt: skip
