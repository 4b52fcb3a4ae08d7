"""An AI agent behind an address of its own: the protocol of docs/ai-agent-protocol.md."""

from gateway.agents.http.agent import HttpAgent
from gateway.agents.http.answer import read_answer
from gateway.agents.http.question import newest

__all__ = ["HttpAgent", "newest", "read_answer"]
