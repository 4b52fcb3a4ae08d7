"""The doors of the scripts and of the shop page."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from gateway.app.errors import add_error_answers
from gateway.app.headers import add_headers
from gateway.channels.webwidget.routes.scripts import script_routes
from gateway.channels.webwidget.routes.shop import shop_routes
from gateway.channels.webwidget.scripts import BUILT
from gateway.channels.webwidget.sender import WidgetSender
from gateway.config import WebWidgetSettings
from tests.channels.webwidget.site import ACME, Site

LOADER, APP = b"console.log('loader')" * 9, b"console.log('app')" * 9


def client_of(folder: Path, color: str | None = None) -> Any:
    app = Flask("test", static_folder=None)
    add_error_answers(app)
    add_headers(app)
    app.register_blueprint(script_routes(folder, color))
    shop = WebWidgetSettings(
        name="acme-web", agent="support", key='a"key', allowed_origins=(), color="#0b7a75"
    )
    app.register_blueprint(shop_routes({"acme-web": shop}))
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


def test_the_loader_wears_the_colour_that_all_widgets_have(tmp_path: Path) -> None:
    (tmp_path / "widget.js").write_bytes(b'paint(option("color")||"#1f5eff")')
    (tmp_path / "app-0123abcd.js").write_bytes(APP)
    dark, usual = client_of(tmp_path, "#0b6273"), client_of(tmp_path)
    assert dark.get("/widget.js").data == b'paint(option("color")||"#0b6273")'
    assert usual.get("/widget.js").data == b'paint(option("color")||"#1f5eff")'
    assert dark.get("/widget.js").headers["ETag"] != usual.get("/widget.js").headers["ETag"]
    assert dark.get("/widget/v1/app-0123abcd.js").data == APP
    assert (BUILT / "widget.js").read_bytes().count(b"#1f5eff") == 1, "what is replaced is there"


def test_a_loader_of_another_version_gets_the_app_that_there_is(client: Any) -> None:
    answer = client.get("/widget/v1/app-ffffffff.js")
    assert answer.data == APP
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/widget.js", "/widget/v1/app-0123abcd.js"])
def test_what_is_not_built_is_said_with_the_command(tmp_path: Path, path: str) -> None:
    answer = client_of(tmp_path).get(path)
    assert answer.status_code == 404
    assert "make setup" in answer.json["error"]["message"]


def test_the_shop_is_there_only_where_it_was_asked_for(client: Any) -> None:
    assert client.get("/widget/demo/other").status_code == 404
    page = client.get("/widget/demo/acme-web")
    assert page.status_code == 200
    loader = '<script async src="/widget.js" data-key="a&#34;key" data-color="#0b7a75"></script>'
    assert loader in page.text


def test_the_shop_is_strict(client: Any) -> None:
    one, two = client.get("/widget/demo/acme-web"), client.get("/widget/demo/acme-web")
    policy = one.headers["Content-Security-Policy"]
    (nonce,) = re.findall(r"'nonce-([\w-]+)'", policy)
    assert f'<style nonce="{nonce}">' in one.text
    assert nonce not in two.text
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    # Nothing that the policy would refuse, and nothing from elsewhere.
    assert not re.search(r"\sstyle=|\son\w+=|https?://(?!www\.w3\.org/)", one.text)


def test_the_shop_may_use_its_widget_as_it_stands_on_the_gateways_own_pages(
    migrated_sqlite_url: str,
) -> None:
    for demo_page, status in ((True, 200), (False, 403)):
        site = Site(migrated_sqlite_url, demo_page=demo_page)
        browser = site.browser()
        browser.origin = site.settings.public_url
        browser.open(status=status)
        assert browser.client.get(f"/widget/demo/{ACME}").status_code == (200 if demo_page else 404)
        site.parts.database.dispose()


def test_doctor_says_what_is_not_built(tmp_path: Path) -> None:
    (built,) = WidgetSender("acme-web").check()
    assert built.ok
    (missing,) = WidgetSender("acme-web", tmp_path).check()
    assert not missing.ok
    assert "make setup" in missing.do
