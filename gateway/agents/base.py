"""What an AI agent is: something that answers a turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.events import Answer, Later, Turn
from gateway.policy import AgentTerms


class AIAgent(Protocol):
    """Answers turns. Safe to share between threads.

    Errors: `Again` for what may pass (408, 425, 429, 5xx, timeouts, unreadable answers), `Never`
    for what will not (other 4xx).
    """

    def ask(self, turn: Turn) -> Answer | Later:
        """Ask what to say now; `Later` when the answer will come to the turn's reply address."""
        ...

    def read_reply(self, headers: dict[str, str], body: bytes) -> Answer:
        """Check and read an answer that came to a reply address; NotAuthentic or Unreadable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent(AgentTerms):
    """One configured agent: who answers, and the rules its answers live under."""

    asks: AIAgent
