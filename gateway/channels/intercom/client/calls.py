"""How Intercom is called: within a deadline and the rate limit, and what came back is told.

What is asked, `port.py` says, by the SDK or by `Calls.spell`. How long that takes, what comes back
and what it means is ours: the SDK's timeouts are per read, its retries would repeat a message, its
models are not validated, and its errors differ from call to call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import httpcore
import httpx

from gateway.channels.intercom.client.answers import Json, object_of, trouble_of
from gateway.channels.intercom.client.rate import hear, sent_at
from gateway.channels.intercom.client.transport import DeadlineTransport
from gateway.channels.intercom.oauth import REFUSED
from gateway.errors import GatewayError, Paused
from gateway.quota import Quota

_JSON = b"application/json"


class Calls:
    """Calls to one address with one token. Safe to share between threads."""

    def __init__(
        self,
        address: str,
        headers: Mapping[str, str],
        *,
        connections: int,
        quota: Quota,
        refused: Callable[[], object] | None = None,
    ) -> None:
        """`headers` go with every request that is spelled here, the token's among them.

        `refused` is called, and Paused raised, once the token is not taken any more.
        """
        self._address = httpx.URL(address)
        self._quota = quota
        self._refused = refused
        self._skew_s: float | None = None
        self._transport = DeadlineTransport(self._address, connections=connections)
        # The transport has a deadline for the whole call.
        self.client = httpx.Client(  # nosec B113
            transport=self._transport, timeout=None, base_url=address, headers=headers
        )
        self._spelled = self.client.build_request("GET", "/").headers.raw

    @property
    def skew_s(self) -> float | None:
        """How far our clock is ahead of theirs, by the last answer; None before the first."""
        return self._skew_s

    def spell(self, method: bytes, path: str, body: bytes = b"") -> None:
        """Ask without the SDK: it and httpx take half a millisecond of CPU to spell a request.

        `path` has no query, and no characters but those of ids.
        """
        headers = self._spelled
        if body:
            length = str(len(body)).encode()
            headers = [*headers, (b"Content-Length", length), (b"Content-Type", _JSON)]
        base = self._address
        url = httpcore.URL(
            scheme=base.raw_scheme, host=base.raw_host, port=base.port,
            target=base.raw_path.rstrip(b"/") + path.encode(),
        )  # fmt: skip
        self._transport.ask(method, url, headers, body)

    def ask(
        self,
        what: str,
        deadline: float,
        request: Callable[[], object],
        *,
        write: bool,
        background: bool,
    ) -> Json:
        """Do one `request`, by `client` or `spell`, within `deadline` seconds; return its object.

        Raises what answers.py tells, which depends on whether it was to `write`; Again where the
        rate limit has no room for it; Paused.
        """
        self._quota.admit(background=background)
        trouble: GatewayError | None = None
        with self._transport.exchange(deadline) as exchange:
            try:
                request()
            except Exception as error:  # the SDK's and httpcore's; `exchange` knows what happened
                if exchange.answer is None:
                    trouble = trouble_of(error, exchange, write=write, what=what)
        # Outside of the `except`, so that the SDK's error, which quotes what was answered, is not
        # carried along into logs.
        if trouble is not None:
            raise trouble
        assert exchange.answer is not None
        answer = exchange.answer
        hear(self._quota, answer.headers, refused=answer.status == 429)
        told = sent_at(answer.headers)
        if told is not None:
            self._skew_s = time.time() - told
        if answer.status == 401 and self._refused is not None:
            self._refused()
            raise Paused(f"{REFUSED} (401)", details={"status": 401})
        return object_of(answer, write=write, what=what)

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._transport.close()
