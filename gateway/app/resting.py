"""Whoever was just told to come back later is told the same again, in front of everything else.

A visitor who floods is refused after a few calls. What those refusals cost would still be taken
from everybody else: so for a moment the answer that the flood got is given again as it was, for a
tenth of what it cost. Only what names a token is remembered, so nobody is refused for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REST_S = 0.25
_PREFIX = "/widget/v1/"
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class _Refusal:
    until: float
    status: str
    headers: list[tuple[str, str]]
    body: bytes


def resting(application: WSGIApplication, now: Callable[[], float]) -> WSGIApplication:
    """`application`, with the widget's 429 remembered in front of it; `now` is monotonic."""
    refused: dict[tuple[str, str], _Refusal] = {}

    def door(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        token = environ.get("HTTP_AUTHORIZATION")
        if not token or not environ.get("PATH_INFO", "").startswith(_PREFIX):
            return application(environ, start_response)
        who = (token, environ.get("HTTP_ORIGIN", ""))
        last = refused.get(who)
        if last is not None and now() < last.until:
            start_response(last.status, last.headers)
            return [last.body]
        told: list[Any] = []

        def listen(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            told[:] = status, headers
            return start_response(status, headers, exc_info)

        answer = application(environ, listen)
        if not told or not told[0].startswith("429"):
            return answer
        body = b"".join(answer)
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        if len(refused) >= _MOST:
            refused.clear()
        refused[who] = _Refusal(now() + REST_S, told[0], told[1], body)
        return [body]

    return door
