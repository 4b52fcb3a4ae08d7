"""An agent at an address, for tests: with secrets in every place where one may be."""

from __future__ import annotations

import base64
from typing import Any

from gateway.agents.http import HttpAgent
from gateway.events import Answer, Later
from tests.agents.turns import asked

KEY = b"0123456789abcdef01234567"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"another-key-of-24-bytes.").decode()
URL = "https://user:pass-word@ai.example.org:8443/turn?token=top-secret"  # not a secret
ANSWER = {"messages": [{"text": "Hello!"}]}
HELLO = Answer(messages=("Hello!",))


def agent(url: str = URL, secret: Any = SECRET, **more: Any) -> HttpAgent:
    """Make an agent; `more` are its rules."""
    return HttpAgent(url, secret, public_url="https://gw.example.org/", **more)


def ask(url: str, **more: Any) -> Answer | Later:
    """Ask one thing at this address."""
    return agent(url, **more).ask(asked("Hi"))
