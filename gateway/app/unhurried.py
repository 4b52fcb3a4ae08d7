"""Refusals have a pace, at every door: what a flood of them costs would be taken from others.

It stands in front of everything else, where nothing is held any more for the request: no place, no
connection of a database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from gateway.quota.callers import network_of
from gateway.quota.refusals import Refusals
from gateway.rails.address import address_behind

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ALWAYS = frozenset({"401", "429"})
_OF_STRANGERS = frozenset({"400", "403", "404", "405", "413", "415", "422"})
_KNOWN_BY = ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_X_HUB_SIGNATURE")
"""Who sends none of these is a stranger: of others only what no honest one is told often waits."""


def unhurried(application: WSGIApplication, refusals: Refusals, proxies: int) -> WSGIApplication:
    """`application`, whose refusals wait for their turn; `proxies` of ours stand in front."""

    def door(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        told = ""

        def start(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
            nonlocal told
            told = status[:3]
            return start_response(status, headers, exc_info)

        answer = application(environ, start)
        if told in _ALWAYS or (told in _OF_STRANGERS and _is_strange(environ)):
            forwarded = environ.get("HTTP_X_FORWARDED_FOR")
            address = address_behind(
                environ.get("REMOTE_ADDR"), [forwarded] if forwarded else [], proxies
            )
            refusals.wait(network_of(address))
        return answer

    return door


def _is_strange(environ: WSGIEnvironment) -> bool:
    return not any(name in environ for name in _KNOWN_BY)
