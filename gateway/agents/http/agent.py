"""Asks an agent over HTTP and checks what it posts to a turn's reply address."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.agents.bounds import MAX_BODY_BYTES
from gateway.agents.deadline import within
from gateway.agents.http.answer import read_answer
from gateway.agents.http.question import turn_to_json
from gateway.agents.http.signing import Signatures
from gateway.agents.post import Post
from gateway.clock import Clock, SystemClock
from gateway.errors import Again, Oversized, Unreadable
from gateway.events import Answer, Later, Turn
from gateway.rules import HandoverRule
from gateway.tracing import trace_headers

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
        handover_rules: Sequence[HandoverRule] = (),
        clock: Clock | None = None,
    ) -> None:
        """Open nothing; raise ConfigError for a URL or secret that can never work.

        `timeout_s` bounds a whole call, from connecting to the answer's last byte. Several secrets:
        one is being replaced. `public_url` is the gateway's own, where late answers come in.
        """
        self._clock = clock or SystemClock()
        self._post = Post(
            url, setting="url", timeout_s=timeout_s, passing=_PASSING, clock=self._clock
        )
        self._signatures = Signatures(secret)
        self._public_url = public_url.rstrip("/")
        self._timeout_s = timeout_s
        self._allow_handover = allow_handover
        self._allow_customer_request = allow_customer_request
        self._conditions = handover_conditions
        self._rules = tuple(handover_rules)

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
            rules=self._rules,
        )
        headers = trace_headers() | self._signatures.headers(turn.id, self._clock.now(), body)
        with within(self._timeout_s):
            try:
                posted = self._post.send(headers, body)
                return Later() if posted.status == 202 else read_answer(posted.body)
            except Unreadable as error:
                raise Again(f"the AI agent at {self._post.host}: {error.message}") from error

    def read_reply(self, headers: dict[str, str], body: bytes) -> Answer:
        """Check and read an answer from a reply address; raise NotAuthentic or Unreadable."""
        if len(body) > MAX_BODY_BYTES:
            raise Oversized(f"the answer is larger than {MAX_BODY_BYTES} bytes")
        self._signatures.verify(headers, body)
        return read_answer(body)

    def close(self) -> None:
        """Close the connections that are kept between turns; a later turn opens new ones."""
        self._post.close()
