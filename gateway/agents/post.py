"""Posts to the address of an agent, within one deadline, and tells what passes from what stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from gateway import __version__
from gateway.agents.bounds import MAX_BODY_BYTES, MAX_RETRY_AFTER_S
from gateway.agents.deadline import left, patient_session
from gateway.clock import Clock, SystemClock
from gateway.errors import Again, ConfigError, Never, Oversized

# Open connections kept between turns; more turns than these at once still get through.
_CONNECTIONS = 32
_CHUNK_BYTES = 64 * 1024
_REFUSAL_BYTES = 16 * 1024
_ALWAYS_SAID = {
    "accept": "application/json",
    # An answer's size is bounded; what unpacks to more than it weighs is not asked for.
    "accept-encoding": "identity",
    "content-type": "application/json",
    "user-agent": f"channel-gateway/{__version__}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """An answer of 2xx. The body of 202 is not read: it does not matter."""

    status: int
    body: bytes


class Post:
    """The way to one address. Threads may share one.

    No error names more of the URL than its host: path, query and user may be secret.
    """

    def __init__(
        self,
        url: str,
        *,
        setting: str,
        timeout_s: float,
        passing: frozenset[int],
        why: Callable[[bytes], str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Open nothing; raise ConfigError, which names the `setting`, for what is no address.

        `timeout_s` is only told: the deadline is the caller's (`within`). `passing` are the
        refusals below 500 that may pass, `why` reads what may be said out of a refusal's body.
        """
        self.host = _host(url, setting)
        self._timeout_s = timeout_s
        self._passing = passing
        self._why = why
        self._clock = clock or SystemClock()
        self._session = patient_session(_CONNECTIONS)
        # What is the same in every call: requests works all of it out anew for each, the proxies
        # from the environment and the address with them, which takes it longer than the rest.
        self._blank = self._session.prepare_request(
            requests.Request("POST", url, headers=_ALWAYS_SAID)
        )
        self._ways = self._session.merge_environment_settings(url, {}, True, None, None)

    def send(self, headers: Mapping[str, str], body: bytes) -> Posted:
        """Post JSON. To be called inside `within`.

        Raises Again (with `details["timeout"]` if time ran out, with `after_s` if the other side
        gave one) or Never, both with `details["status"]` if there was one; Oversized.
        """
        try:
            return self._send(headers, body)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            # `from None`: what requests and urllib3 say quotes the URL.
            raise self._trouble(error) from None

    def close(self) -> None:
        """Close the connections that are kept between calls; a later call opens new ones."""
        self._session.close()

    def _send(self, headers: Mapping[str, str], body: bytes) -> Posted:
        request = self._blank.copy()
        request.headers.update(headers)
        request.prepare_body(body, None)
        with self._session.send(request, timeout=left(), **self._ways) as response:
            status = response.status_code
            if status == 202:
                return Posted(status=status, body=b"")
            if 200 <= status < 300:
                return Posted(status=status, body=_read(response, MAX_BODY_BYTES))
            raise self._refusal(response)

    def _refusal(self, response: requests.Response) -> Again | Never:
        status = response.status_code
        message = f"the AI agent at {self.host} answered {status}"
        if self._why is not None and status >= 400:
            message += self._why(_read_part(response))
        if status in self._passing or status >= 500:
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
                f"the AI agent at {self.host} did not answer within {self._timeout_s:g} s",
                details={"timeout": True},
            )
        if isinstance(error, requests.ConnectionError) or not isinstance(
            error, requests.RequestException
        ):
            return Again(f"the AI agent at {self.host} cannot be reached, or hung up")
        return Again(f"the AI agent at {self.host} does not speak HTTP as it should")


def _is_over() -> bool:
    try:
        left()
    except TimeoutError:
        return True
    return False


def _read(response: requests.Response, most: int) -> bytes:
    """Read an answer of bounded size; raise Oversized, TimeoutError or what requests raises."""
    body = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        left()
        body += chunk
        if len(body) > most:
            raise Oversized(f"the answer is larger than {most} bytes")
    return bytes(body)


def _read_part(response: requests.Response) -> bytes:
    """Read the beginning of a refusal; what it says is only told, so nothing of it is needed."""
    try:
        return next(response.iter_content(_REFUSAL_BYTES), b"")
    except (requests.RequestException, HTTPError, OSError):
        return b""


def _host(url: str, setting: str) -> str:
    """Return what may be said of the URL; raise ConfigError if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
        requests.Request("POST", url).prepare()
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        # `from None`: the parser's error quotes the URL.
        problem = f"the agent's {setting} must be an http:// or https:// address"
        raise ConfigError([problem]) from None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return host if port is None else f"{host}:{port}"
