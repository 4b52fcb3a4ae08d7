"""Posting an event: signed per Standard Webhooks, within 10 s, to where the settings say."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
import requests
from urllib3.exceptions import HTTPError

from gateway import __version__
from gateway.agents.deadline import left, patient_session, within
from gateway.agents.http.signing import Signatures
from gateway.clock import Clock
from gateway.config import SubscriberSettings
from gateway.reading.sessions import Json
from gateway.subscribers.book import LANES

DEADLINE_S = 10.0
_MOST_READ = 16 * 1024
_AWAY = (408, 425, 429)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a post. `status` is None if nobody answered."""

    status: int | None
    error: str | None = None

    @property
    def taken(self) -> bool:
        """True if it was taken."""
        return self.error is None

    @property
    def unwanted(self) -> bool:
        """True if the subscriber wants no more events at all."""
        return self.status == 410

    @property
    def away(self) -> bool:
        """True if another event would fare no better just now."""
        return self.status is None or self.status >= 500 or self.status in _AWAY


class Poster:
    """Posts to one subscriber; threads may share it. No error names more of it than its host."""

    def __init__(self, settings: SubscriberSettings, clock: Clock) -> None:
        self.name = settings.name
        self.kinds = frozenset(settings.events)
        self.host = urlsplit(settings.url).hostname or ""
        self._url = settings.url
        self._signatures = Signatures(settings.secret)
        self._clock = clock
        self._session: requests.Session | None = None

    def post(self, event_id: str, event: Json, deadline_s: float = DEADLINE_S) -> Answer:
        """Post one event; the same event again has the same id. Follows no redirect."""
        body = msgspec.json.encode(event)
        headers = {
            "content-type": "application/json",
            "user-agent": f"channel-gateway/{__version__}",
            **self._signatures.headers(event_id, self._clock.now(), body),
        }
        if self._session is None:
            self._session = patient_session(LANES)
        with within(deadline_s):
            try:
                with self._session.post(
                    self._url, data=body, headers=headers, stream=True, timeout=left()
                ) as response:
                    status = response.status_code
                    # What it says is nobody's business, but unread it would end the connection.
                    with suppress(HTTPError, OSError):
                        response.raw.read(_MOST_READ, decode_content=False)
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                kind = type(error).__name__
                return Answer(
                    status=None, error=f"{self.host} cannot be reached, or hung up ({kind})"
                )
        if 200 <= status < 300:
            return Answer(status=status)
        return Answer(status=status, error=f"{self.host} answered {status}")
