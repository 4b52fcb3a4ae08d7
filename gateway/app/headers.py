"""What every answer tells browsers: guess nothing, embed nothing, send nothing on."""

from __future__ import annotations

from flask import Flask, Response

HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),
)


def add_headers(app: Flask) -> None:
    """Set the headers that a door has not set itself: pages and the widget know better."""

    @app.after_request
    def set_headers(response: Response) -> Response:
        headers = response.headers
        known = {name.lower() for name, _ in headers}
        for name, value in HEADERS:
            if name.lower() not in known:
                headers.add(name, value)
        return response
