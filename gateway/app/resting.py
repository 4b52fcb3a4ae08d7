"""Whoever was just told to come back later is told the same again, in front of everything else.

A visitor who floods is refused after a few calls. What those refusals cost would still be taken
from everybody else: so for a moment the answer that the flood got is given again as it was, for a
tenth of what it cost, and whoever does not even pause is not heard again for a while. Until then
one of a visitor's calls is in hand at a time. Only what names a token is remembered, so nobody is
refused for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.quota.fairness import OneByOne

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REST_S = 0.25
"""So long a pause is enough to be heard again: less than anybody is asked to wait."""
LONGEST_S = 10.0
"""Without a pause, somebody is heard again after this."""
_PREFIX = "/widget/v1/"
_FILES = "/widget/v1/files"
_MOST = 1_000


@dataclass(slots=True)
class _Refusal:
    since: float
    until: float
    status: str
    headers: list[tuple[str, str]]
    body: bytes


def resting(application: WSGIApplication, now: Callable[[], float]) -> WSGIApplication:
    """`application`, with the widget's 429 remembered in front of it; `now` is monotonic."""
    refused: dict[tuple[str, str], _Refusal] = {}
    queue = OneByOne()

    def remembered(who: tuple[str, str]) -> _Refusal | None:
        last = refused.get(who)
        if last is None or now() >= last.until:
            return None
        last.until = min(now() + REST_S, max(last.until, last.since + LONGEST_S))
        return last

    def told(last: _Refusal, start_response: StartResponse) -> Iterable[bytes]:
        start_response(last.status, last.headers)
        return [last.body]

    def ask(
        who: tuple[str, str], environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        said: list[Any] = []

        def listen(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            said[:] = status, headers
            return start_response(status, headers, exc_info)

        answer = application(environ, listen)
        if not said or not said[0].startswith("429"):
            return answer
        body = b"".join(answer)
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        if len(refused) >= _MOST:
            refused.clear()
        refused[who] = _Refusal(now(), now() + REST_S, said[0], said[1], body)
        return [body]

    def door(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        token = environ.get("HTTP_AUTHORIZATION")
        path = environ.get("PATH_INFO", "")
        if not token or not path.startswith(_PREFIX):
            return application(environ, start_response)
        who = (token, environ.get("HTTP_ORIGIN", ""))
        last = remembered(who)
        if last is not None:
            return told(last, start_response)
        if path.startswith(_FILES):  # a file may be on its way for minutes
            return ask(who, environ, start_response)
        with queue.place(who):
            last = remembered(who)  # those before may have been too many
            return ask(who, environ, start_response) if last is None else told(last, start_response)

    return door
