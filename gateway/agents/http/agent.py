"""Asks an agent over HTTP and checks what it posts to a turn's reply address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from gateway import __version__
from gateway.agents.http.answer import MAX_BODY_BYTES, read_answer
from gateway.agents.http.deadline import left, patient_session, within
from gateway.agents.http.question import turn_to_json
from gateway.agents.http.signing import Signatures
from gateway.clock import Clock, SystemClock
from gateway.errors import Again, ConfigError, Never, Oversized, Unreadable
from gateway.events import Answer, Later, Turn

# An agent's own wish to be left alone is followed no longer than a turn's patience.
MAX_RETRY_AFTER_S = 20.0

# Open connections kept between turns; more turns than these at once still get through.
_CONNECTIONS = 32
_CHUNK_BYTES = 64 * 1024
_PASSING = frozenset({408, 425, 429})


class HttpAgent:
    """An AI agent at a URL (DESIGN.md 5.4). Threads may share one.

    No error names more of the URL than its host: path, query and user may be secret.
    """

    def __init__(
        self,
        url: str,
        secret: str | Sequence[str],
        *,
        public_url: str,
        timeout_s: float = 30.0,
        allow_handover: bool = True,
        allow_customer_request: bool = True,
        handover_conditions: str = "",
        clock: Clock | None = None,
    ) -> None:
        """Open nothing; raise ConfigError for a URL or secret that can never work.

        `timeout_s` bounds a whole call, from connecting to the answer's last byte. Several secrets:
        one is being replaced. `public_url` is the gateway's own, where late answers come in.
        """
        self._url = url
        self._host = _host(url)
        self._signatures = Signatures([secret] if isinstance(secret, str) else secret)
        self._public_url = public_url.rstrip("/")
        self._timeout_s = timeout_s
        self._allow_handover = allow_handover
        self._allow_customer_request = allow_customer_request
        self._conditions = handover_conditions
        self._clock = clock or SystemClock()
        self._session = patient_session(_CONNECTIONS)

    def ask(self, turn: Turn) -> Answer | Later:
        """Post the turn.

        Raises Again (with `details["timeout"]` if time ran out, with `after_s` if the agent gave
        one) or Never, both with `details["status"]` if there was one.
        """
        body = turn_to_json(
            turn,
            reply_url=f"{self._public_url}/api/v1/turns/{turn.id}/reply",
            allow_handover=self._allow_handover,
            allow_customer_request=self._allow_customer_request,
            conditions=self._conditions,
        )
        with within(self._timeout_s):
            try:
                return self._post(turn.id, body)
            except Unreadable as error:
                raise Again(f"the AI agent at {self._host}: {error.message}") from error
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                # `from None`: what requests and urllib3 say quotes the URL.
                raise self._trouble(error) from None

    def read_reply(self, headers: dict[str, str], body: bytes) -> Answer:
        """Check and read an answer from a reply address; raise NotAuthentic or Unreadable."""
        if len(body) > MAX_BODY_BYTES:
            raise Oversized(f"the answer is larger than {MAX_BODY_BYTES} bytes")
        self._signatures.verify(headers, body)
        return read_answer(body)

    def close(self) -> None:
        """Close the connections that are kept between turns; a later turn opens new ones."""
        self._session.close()

    def _post(self, turn_id: str, body: bytes) -> Answer | Later:
        headers = {
            "accept": "application/json",
            # An answer's size is bounded; what unpacks to more than it weighs is not asked for.
            "accept-encoding": "identity",
            "content-type": "application/json",
            "user-agent": f"channel-gateway/{__version__}",
            **self._signatures.headers(turn_id, self._clock.now(), body),
        }
        with self._session.post(
            self._url, data=body, headers=headers, stream=True, timeout=left()
        ) as response:
            status = response.status_code
            if status == 202:
                return Later()
            if 200 <= status < 300:
                return read_answer(_read(response))
            raise self._refusal(response)

    def _refusal(self, response: requests.Response) -> Again | Never:
        status = response.status_code
        message = f"the AI agent at {self._host} answered {status}"
        if status in _PASSING or status >= 500:
            after_s = self._retry_after(response.headers.get("retry-after", ""))
            return Again(message, after_s=after_s, details={"status": status})
        if 300 <= status < 400:
            message += "; redirects are not followed: set the final address"
        return Never(message, details={"status": status})

    def _retry_after(self, wish: str) -> float | None:
        try:
            if wish.strip().isdecimal():
                seconds = float(wish)
            else:
                instant = parsedate_to_datetime(wish)
                if instant.tzinfo is None:
                    instant = instant.replace(tzinfo=UTC)
                seconds = (instant - self._clock.now()).total_seconds()
        except (ValueError, OverflowError):
            return None
        return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)

    def _trouble(self, error: Exception) -> Again:
        if isinstance(error, requests.Timeout) or _is_over():
            return Again(
                f"the AI agent at {self._host} did not answer within {self._timeout_s:g} s",
                details={"timeout": True},
            )
        if isinstance(error, requests.ConnectionError) or not isinstance(
            error, requests.RequestException
        ):
            return Again(f"the AI agent at {self._host} cannot be reached, or hung up")
        return Again(f"the AI agent at {self._host} does not speak HTTP as it should")


def _is_over() -> bool:
    try:
        left()
    except TimeoutError:
        return True
    return False


def _read(response: requests.Response) -> bytes:
    """Read an answer of bounded size; raise Oversized, TimeoutError or what requests raises."""
    body = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        left()
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Oversized(f"the answer is larger than {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _host(url: str) -> str:
    """Return what may be said of the URL; raise ConfigError if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
        requests.Request("POST", url).prepare()
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        # `from None`: the parser's error quotes the URL.
        raise ConfigError(["the agent's url must be an http:// or https:// address"]) from None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return host if port is None else f"{host}:{port}"
