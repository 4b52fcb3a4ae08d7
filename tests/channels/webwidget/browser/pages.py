"""A web site of another origin, with pages that embed the widget."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_PAGE = """\
<!doctype html>
<html lang="{lang}" dir="{dir}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>A page of somebody else</title>
{head}
</head>
<body>
<main>
<h1>A page of somebody else</h1>
<p>Words, and <a href="#more">a link</a>.</p>
<label>Search <input id="search"></label>
</main>
{foot}
</body></html>
"""


class Pages:
    """Serves pages by their path, each with headers of its own."""

    def __init__(self) -> None:
        pages = self
        self._pages: dict[str, tuple[str, Mapping[str, str], str]] = {}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                found = pages._pages.get(urlsplit(self.path).path)
                text, headers, kind = found or ("", {}, "text/html")
                body = text.encode()
                self.send_response(200 if found or self.path == "/favicon.ico" else 404)
                for name, value in {"Content-Type": f"{kind}; charset=utf-8", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # Another site than the gateway's 127.0.0.1, not only another port.
        self.origin = f"http://localhost:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def page(
        self, path: str, *, head: str = "", foot: str = "", lang: str = "en", dir: str = "ltr",
        headers: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """Put a page there and return its address."""
        text = _PAGE.format(head=head, foot=foot, lang=lang, dir=dir)
        self._pages[path] = (text, headers or {}, "text/html")
        return f"{self.origin}{path}"

    def file(self, path: str, text: str, kind: str = "text/javascript") -> str:
        """Put a file there and return its address."""
        self._pages[path] = (text, {}, kind)
        return f"{self.origin}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
