"""The channel gateway: an AI agent answers on a support channel, and falls silent for a person."""

__version__ = "0.1.0"
