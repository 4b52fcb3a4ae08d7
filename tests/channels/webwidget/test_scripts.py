"""The doors of the scripts."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from gateway.app.errors import add_error_answers
from gateway.app.headers import add_headers
from gateway.channels.webwidget.scripts import script_routes

LOADER, APP = b"console.log('loader')" * 9, b"console.log('app')" * 9


def client_of(folder: Path) -> Any:
    app = Flask("test", static_folder=None)
    add_error_answers(app)
    add_headers(app)
    app.register_blueprint(script_routes(folder))
    return app.test_client()


@pytest.fixture
def client(tmp_path: Path) -> Any:
    (tmp_path / "widget.js").write_bytes(LOADER)
    (tmp_path / "app-0123abcd.js").write_bytes(APP)
    return client_of(tmp_path)


def test_the_loader_is_kept_for_minutes_and_the_app_for_ever(client: Any) -> None:
    loader, app = client.get("/widget.js"), client.get("/widget/v1/app-0123abcd.js")
    assert (loader.data, app.data) == (LOADER, APP)
    assert loader.headers["Cache-Control"] == "public, max-age=300"
    assert app.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for answer in (loader, app):
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@pytest.mark.parametrize("path", ["/widget.js", "/widget/v1/app-0123abcd.js"])
def test_they_go_packed_and_not_twice(client: Any, path: str) -> None:
    plain = client.get(path)
    packed = client.get(path, headers={"Accept-Encoding": "br, gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert packed.headers["ETag"] != plain.headers["ETag"]
    again = client.get(
        path, headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")
    assert client.head(path).data == b""


def test_a_loader_of_another_version_gets_the_app_that_there_is(client: Any) -> None:
    answer = client.get("/widget/v1/app-ffffffff.js")
    assert answer.data == APP
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/widget.js", "/widget/v1/app-0123abcd.js"])
def test_what_is_not_built_is_said_with_the_command(tmp_path: Path, path: str) -> None:
    answer = client_of(tmp_path).get(path)
    assert answer.status_code == 404
    assert "make setup" in answer.json["error"]["message"]
