"""An AI agent without writing one: a model behind a chat endpoint in OpenAI's form."""

from gateway.agents.openai.agent import OpenAIAgent

__all__ = ["OpenAIAgent"]
