"""One attempt to deliver something, and what became of it."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, field

import requests


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One attempt: what was posted, what came back, and what Intercom makes of it."""

    notification_id: str | None
    topic: str
    conversation_id: str | None
    part_id: str | None
    attempt: int
    url: str
    status: int | None
    error: str | None
    seconds: float
    at: float
    outcome: str  # delivered | retry | throttled | dropped | disabled
    body: bytes = field(repr=False, default=b"")
    headers: dict[str, str] = field(repr=False, default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether it was answered 2xx in time."""
        return self.outcome == "delivered"


def new_session() -> requests.Session:
    """Connections that know nothing of proxies."""
    session = requests.Session()
    session.trust_env = False
    return session


def post(
    url: str | None,
    body: bytes,
    headers: dict[str, str],
    *,
    timeout_s: float,
    method: str = "POST",
    session: requests.Session | None = None,
) -> tuple[int | None, str | None, float]:
    """Send it once; returns the status or None, the error's name or None, and the seconds.

    On a connection of its own, or else of `session`.
    """
    if url is None:
        return None, "no notify_url", 0.0
    started = time.monotonic()
    try:
        with new_session() if session is None else nullcontext(session) as used:
            answer = used.request(
                method, url, data=body, headers=headers, timeout=timeout_s, allow_redirects=False
            )
    except requests.RequestException as error:
        return None, type(error).__name__, time.monotonic() - started
    return answer.status_code, None, time.monotonic() - started
