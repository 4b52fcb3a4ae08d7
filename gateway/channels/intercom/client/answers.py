"""What an answer of Intercom's means: the object asked for, or what to do next.

              a read asked         a write asked
2xx           its object           its object; unreadable: UnknownOutcome, accepted
400 422 …     Never                Never
401 403       Never                Never
404 410       NotFound             Never; NotFound where a contact is written to
409 425 429   Again                Again
408 5xx       Again                UnknownOutcome, since the effect may have happened
no answer     Again                Again if not a byte had left, UnknownOutcome if one had
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpcore
import msgspec

from gateway.channels.intercom.client.rate import pause_after
from gateway.channels.intercom.client.transport import Answer, Exchange
from gateway.errors import Again, GatewayError, Never, NotFound, Ours, UnknownOutcome

Json = dict[str, Any]

_ADVICE = {
    401: "put a valid token into this channel's access_token",
    403: "tick the permissions of the token's app in Intercom's Developer Hub",
}


# Intercom's documentation (2.16): a contact that was merged is 410 and says where it went.
_MOVED = re.compile(r'</contacts/([A-Za-z0-9_-]{1,64})>;\s*rel="canonical"', re.ASCII)


def object_of(answer: Answer, *, write: bool, what: str) -> Json:
    """Return the JSON object of a good answer; raise what the table says otherwise."""
    if not 200 <= answer.status < 300:
        raise _refusal(answer, write=write, what=what)
    found = _parsed(answer)
    if found is not None:
        return found
    message = f"Intercom answered {answer.status} to {what} with something unreadable"
    if write:
        raise UnknownOutcome(message, details={"status": answer.status, "accepted": True})
    raise Again(message, details={"status": answer.status})


def trouble_of(error: Exception, exchange: Exchange, *, write: bool, what: str) -> GatewayError:
    """Return what it means that no answer came."""
    if isinstance(error, httpcore.LocalProtocolError | httpcore.UnsupportedProtocol):
        return Never(f"{what} cannot be asked: {error}")
    if (
        not isinstance(
            error,
            httpcore.TimeoutException
            | httpcore.NetworkError
            | httpcore.ProtocolError
            | httpcore.ProxyError
            | OSError,
        )
        and not exchange.wrote
    ):
        return Ours(f"{what}: {type(error).__name__} before anything was sent")
    message = f"no answer of Intercom to {what}: {type(error).__name__} {error}".rstrip()
    if write and exchange.wrote:
        return UnknownOutcome(message)
    return Again(message)


def _refusal(answer: Answer, *, write: bool, what: str) -> GatewayError:
    status, body = answer.status, _parsed(answer) or {}
    complaints = _complaints(body)
    message = f"Intercom answered {status} to {what}"
    if complaints:
        message += ": " + "; ".join(f"{code}: {text}".rstrip(": ") for code, text in complaints)
    details: dict[str, Any] = {"status": status, "codes": [code for code, _ in complaints]}
    if isinstance(body.get("request_id"), str):
        details["request_id"] = body["request_id"]
    if status in (409, 425, 429):
        after_s = pause_after(answer.headers) if status == 429 else None
        return Again(message, after_s=after_s, details=details)
    if status == 408 or status >= 500:
        return (UnknownOutcome if write else Again)(message, details=details)
    moved = _MOVED.search(answer.headers.get("Link", ""))
    if status == 410 and moved is not None:
        details["moved_to"] = moved[1]
    if status in (404, 410) and not write:
        return NotFound(message, details=details)
    if 300 <= status < 400:
        message += " (a redirect: is base_url right?)"
    if status in _ADVICE:
        message += f" ({_ADVICE[status]})"
    return Never(message, details=details)


def _parsed(answer: Answer) -> Json | None:
    if answer.body is None:
        return None
    try:
        found = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _complaints(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    errors = body.get("errors")
    if not isinstance(errors, list):
        return []
    return [
        (str(one.get("code") or "error")[:60], str(one.get("message") or "")[:200])
        for one in errors[:5]
        if isinstance(one, dict)
    ]
