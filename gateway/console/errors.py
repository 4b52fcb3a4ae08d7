"""What people see when a page cannot be shown: what happened, and what to do."""

from __future__ import annotations

import math
from typing import NoReturn
from urllib.parse import quote

import structlog
from flask import Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from gateway.console.rooms import PREFIX, Pages
from gateway.errors import Again, GatewayError, NotAuthentic, NotFound, Ours
from gateway.rails.answers import RETRY_AFTER_S

log = structlog.get_logger(__name__)

_TITLES = {
    400: "This address cannot be read",
    401: "You are not signed in",
    403: "You may not see this",
    404: "There is nothing here",
    409: "It has changed meanwhile",
    429: "Too many requests",
    500: "Something went wrong here",
    503: "Just a moment",
}
_INSTEAD = {
    400: "Go back, or begin anew.",
    403: "An administrator decides who may see what.",
    404: "The address may be mistyped, or what it named is gone.",
    500: "It has been logged. Try it again; if it stays, tell your administrator this number:",
    503: "The gateway cannot read its record right now. This page tries again by itself.",
}


def add_error_pages(pages: Pages) -> None:
    """Answer in the console's look for whatever is raised behind its doors."""
    blueprint = pages.blueprint

    @blueprint.get("/<path:anything>")
    def nothing_here(anything: str) -> NoReturn:
        raise NotFound("There is no such page.")

    def ours(error: GatewayError) -> BaseResponse:
        if isinstance(error, NotAuthentic) and request.method == "GET":
            return _to_sign_in(pages)
        if error.status >= 500:
            log.warning(
                "door_failed", door=_door(), request=g.get("request_id"), code=error.code,
                error=error.message, exc_info=isinstance(error, Ours),
            )  # fmt: skip
        after_s = math.ceil(error.after_s or RETRY_AFTER_S) if isinstance(error, Again) else None
        return _page(pages, error.status, error.message if error.status < 500 else "", after_s)

    def http(error: HTTPException) -> BaseResponse:
        return _page(pages, error.code or 500, "")

    def unexpected(error: Exception) -> BaseResponse:
        log.error(
            "door_broke", door=_door(), request=g.get("request_id"),
            error=type(error).__name__, exc_info=error,
        )  # fmt: skip
        return _page(pages, 500, "")

    blueprint.register_error_handler(GatewayError, ours)
    blueprint.register_error_handler(HTTPException, http)
    blueprint.register_error_handler(Exception, unexpected)


def _to_sign_in(pages: Pages) -> BaseResponse:
    """To the sign-in, and back here from there. An open page is told to go as a whole."""
    if request.path == f"{PREFIX}/events":
        return Response(status=401)
    if pages.is_part():
        return Response(status=401, headers={"HX-Refresh": "true"})
    where = request.full_path.rstrip("?")
    return pages.go(f"{PREFIX}/login?next={quote(where, safe='')}")


def _page(pages: Pages, status: int, message: str, after_s: int | None = None) -> Response:
    context = {
        "number": status,
        "title": _TITLES.get(status, _TITLES[500] if status >= 500 else _TITLES[400]),
        "message": message,
        "instead": _INSTEAD.get(status, ""),
        "request_id": g.get("request_id", ""),
        "after_s": after_s,
    }
    if status >= 500:
        g.signed_in = None  # the record may be what is missing: the page does without
    try:
        if pages.is_part():
            answer = pages.render("errors/part.html", status, **context)
        else:
            answer = pages.render("errors/page.html", status, **context)
    except GatewayError as trouble:
        # The record cannot even say who looks, or there is no style to show it in.
        log.warning("page_bare", error=trouble.message)
        answer = Response(
            f"{context['title']} ({status}). {message}", status, mimetype="text/plain"
        )
    if after_s is not None:
        answer.headers["Retry-After"] = str(after_s)
    return answer


def _door() -> str:
    rule = request.url_rule
    return f"{request.method} {rule.rule if rule else '(no such door)'}"
