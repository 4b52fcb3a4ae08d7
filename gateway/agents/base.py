"""What an AI agent is: something that answers a turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.events import Answer, Later, Turn


class AIAgent(Protocol):
    """Answers turns. Safe to share between threads.

    Errors: `Again` for what may pass (408, 425, 429, 5xx, timeouts, unreadable answers), `Never` for
    what will not (other 4xx).
    """

    def ask(self, turn: Turn) -> Answer | Later:
        """Ask what to say now; `Later` when the answer will come to the turn's reply address."""
        ...

    def read_reply(self, headers: dict[str, str], body: bytes) -> Answer:
        """Check and read an answer that came to a reply address; raise NotAuthentic or Unreadable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One configured agent: who answers, and the rules its answers live under.

    Times are in seconds. `patience_s` bounds the attempts at one turn (DESIGN.md 5.4: given up
    after 20 s or two timeouts, whichever is later).
    """

    name: str
    asks: AIAgent
    allow_handover: bool = True
    allow_customer_request: bool = True
    handover_message: str = ""
    handover_conditions: str = ""
    debounce_s: float = 1.0
    debounce_max_s: float = 10.0
    timeout_s: float = 30.0
    reply_within_s: float = 120.0
    patience_s: float = 20.0
    idle_timeout_s: float = 86_400.0
