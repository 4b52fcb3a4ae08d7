"""Asks a channel's tool about an installation: in the web, while an administrator waits.

A worker would have to hand the code over, and the code is a secret that lives for minutes; so it is
asked here, under one deadline for everything, by requests. The channel's own client is not used: it
takes half a second and 45 MB to import, and web processes do without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import requests
from urllib3.exceptions import HTTPError

from gateway import __version__
from gateway.agents.deadline import left, patient_session, within
from gateway.channels.base import Asked
from gateway.errors import Again

DEADLINE_S = 10.0
_LONGEST_ANSWER = 4 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024


@contextmanager
def asking() -> Iterator[Callable[[Asked], tuple[int, Mapping[str, Any]]]]:
    """Give what asks: all that is asked inside takes at most DEADLINE_S together."""
    with within(DEADLINE_S), patient_session(1) as session:
        yield lambda asked: _ask(session, asked)


def _ask(session: requests.Session, asked: Asked) -> tuple[int, Mapping[str, Any]]:
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"channel-gateway/{__version__}",
        **asked.headers,
    }
    try:
        with session.request(
            "GET" if asked.form is None else "POST", asked.url,
            data=asked.form, headers=headers, stream=True, timeout=left(), allow_redirects=False,
        ) as answer:  # fmt: skip
            return answer.status_code, _object(_body(answer))
    except (requests.RequestException, HTTPError, OSError) as error:
        # `from None`: what requests says may quote what was sent.
        raise Again(f"no answer to {asked.what}: {type(error).__name__}") from None


def _body(answer: requests.Response) -> bytes:
    kept = bytearray()
    for chunk in answer.iter_content(_CHUNK_BYTES):
        kept += chunk
        if len(kept) > _LONGEST_ANSWER:
            raise Again("the answer is too long")
    return bytes(kept)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
