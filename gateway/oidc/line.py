"""Asks a provider: JSON of a bounded size, within one deadline for all that a sign-in asks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from gateway import __version__
from gateway.agents.deadline import left, patient_session
from gateway.oidc.refusals import ProviderAway

MOST_BYTES = 256 * 1024
_CHUNK_BYTES = 16 * 1024
_CONNECTIONS = 4


class Answer:
    """What was answered, in the shape that Authlib's client reads."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status_code = status
        self._body = body

    def json(self) -> Any:
        """The body's content; raise ValueError."""
        try:
            return json.loads(self._body)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None

    def raise_for_status(self) -> None:
        """Raise ProviderAway unless it is 2xx."""
        if not 200 <= self.status_code < 300:
            raise ProviderAway(f"it answered {self.status_code}")


class Line:
    """The way to one provider; threads may share it. To be used inside `within`.

    It follows no redirect and keeps no cookie. Errors never quote an address.
    """

    def __init__(self) -> None:
        self._session = patient_session(_CONNECTIONS)

    def get(self, url: str, *, token: str = "") -> Mapping[str, Any]:
        """The JSON object at an address; raise ProviderAway."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = self._ask("GET", url, headers=headers)
        answer.raise_for_status()
        try:
            content = answer.json()
        except ValueError:
            raise ProviderAway("what it publishes is not JSON") from None
        if not isinstance(content, dict):
            raise ProviderAway("what it publishes is no JSON object")
        return content

    def post(
        self,
        url: str,
        data: Mapping[str, str],
        headers: Mapping[str, str],
        auth: AuthBase,
    ) -> Answer:
        """Post a form, as Authlib's client does; raise ProviderAway."""
        return self._ask("POST", url, data=data, headers=headers, auth=auth)

    def _ask(self, method: str, url: str, *, headers: Mapping[str, str], **more: Any) -> Answer:
        told = {
            "accept": "application/json",
            # Its size is bounded; what unpacks to more than it weighs is not asked for.
            "accept-encoding": "identity",
            "user-agent": f"channel-gateway/{__version__}",
            **headers,
        }
        try:
            with self._session.request(
                method, url, headers=told, stream=True, timeout=left(), **more
            ) as response:
                body = bytearray()
                for chunk in response.iter_content(_CHUNK_BYTES):
                    left()
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise ProviderAway("it answered too much")
                return Answer(response.status_code, bytes(body))
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            # `from None`: what requests and urllib3 say quotes the address.
            raise ProviderAway(f"it cannot be reached ({type(error).__name__})") from None
