"""What errors say: enough to act on, and no secret."""

from __future__ import annotations

import socket
import traceback
from typing import Any

import pytest
import responses

from gateway.errors import Again, ConfigError, Never
from tests.agents.http_agent import SECRET, URL, agent, ask


@pytest.mark.parametrize(
    "problem",
    [
        {"status": 400, "body": "the-body"},
        {"status": 500, "body": "the-body"},
        {"status": 302, "body": "the-body"},
        {"body": "the-body"},
        {"json": {"messages": [{"text": {"the-body": 1}}], "parameters": ["the-body"]}},
        {"json": {"handover": {"trigger": "the-body"}}},
    ],
)
def test_errors_keep_secrets_and_words(
    web: responses.RequestsMock, problem: dict[str, Any]
) -> None:
    web.post(URL, **problem)
    with pytest.raises((Again, Never)) as raised:
        ask(URL)
    assert_discreet(raised.value)
    assert "ai.example.org:8443" in raised.value.message


def test_connection_errors_keep_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Again) as raised:
        ask(f"http://user:pass-word@127.0.0.1:{port}/turn?token=top-secret")
    assert_discreet(raised.value)


def assert_discreet(error: Again | Never) -> None:
    told = "".join(traceback.format_exception(error, limit=0)) + repr(error.details)
    for secret in ("pass-word", "top-secret", "the-body", SECRET, SECRET.removeprefix("whsec_")):
        assert secret not in told


@pytest.mark.parametrize("url", ["", "ai.example.org", "ftp://a/", "https://", "http://a:x/"])
def test_an_address_that_can_never_work(url: str) -> None:
    with pytest.raises(ConfigError, match="url must be"):
        agent(url)


@pytest.mark.parametrize(
    "secret", [[], "", "hush", "whsec_", "whsec_not base64!", "whsec_ab-_", [SECRET, "whsec_é"]]
)
def test_a_secret_that_can_never_work(secret: Any) -> None:
    with pytest.raises(ConfigError) as raised:
        agent(secret=secret)
    told = "".join(traceback.format_exception(raised.value, limit=0))
    assert "not base64!" not in told
    assert "hush" not in told
