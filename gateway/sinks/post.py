"""Alerts as webhooks, signed per Standard Webhooks, one POST for each notice."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
import requests
from urllib3.exceptions import HTTPError

from gateway import __version__
from gateway.agents.deadline import left, patient_session, within
from gateway.agents.http.signing import Signatures
from gateway.clock import Clock, to_time
from gateway.errors import Again
from gateway.signs import Notice

DEADLINE_S = 10.0


class PostSink:
    """Posts to one address. No error names more of it than its host: the rest may be secret."""

    together = False

    def __init__(self, url: str, secret: str | Sequence[str], *, clock: Clock) -> None:
        self._url = url
        self._host = urlsplit(url).hostname
        self._signatures = Signatures(secret)
        self._clock = clock

    def tell(self, notices: Sequence[Notice]) -> None:
        """Post each within 10 s, following no redirect; raise Again unless all were taken."""
        with patient_session(1) as session:
            for notice in notices:
                self._post(session, notice)

    def _post(self, session: requests.Session, notice: Notice) -> None:
        body = to_json(notice)
        headers = {
            "content-type": "application/json",
            "user-agent": f"channel-gateway/{__version__}",
            # The same notice again has the same id: a receiver can tell.
            **self._signatures.headers(notice.id, self._clock.now(), body),
        }
        with within(DEADLINE_S):
            try:
                with session.post(
                    self._url, data=body, headers=headers, stream=True, timeout=left()
                ) as response:
                    status = response.status_code
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                # `from None`: what requests and urllib3 say quotes the address.
                message = f"{self._host} cannot be reached, or hung up ({type(error).__name__})"
                raise Again(message) from None
        if not 200 <= status < 300:
            raise Again(f"{self._host} answered {status}", details={"status": status})


def to_json(notice: Notice) -> bytes:
    """A notice as it is posted."""
    return msgspec.json.encode(
        {
            "type": f"alert.{notice.event}",
            "alert": {
                "id": notice.alert_id,
                "channel": notice.channel,
                "code": notice.code,
                "what": notice.what,
                "do": notice.do,
                "since": to_time(notice.since),
                "raised_at": to_time(notice.raised_at),
                "cleared_at": to_time(notice.cleared_at),
            },
        }
    )
