"""The inbox page: what a support team would see in Intercom, in a browser."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template

# Customer text is hostile; the page is static and fetches its data from the control doors.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def inbox_pages() -> Blueprint:
    """Return the blueprint: `/` and its static files."""
    pages = Blueprint(
        "inbox",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/_standin/static",
    )

    @pages.get("/")
    def inbox() -> Response:
        answer = make_response(render_template("inbox.html"))
        answer.headers["Content-Security-Policy"] = _POLICY
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    return pages
