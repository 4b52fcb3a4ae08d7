"""Streams: who looks on, and what each is shown as it happens (server-sent events)."""

from gateway.streams.hub import Hub
from gateway.streams.stream import Stream, Wanted

__all__ = ["Hub", "Stream", "Wanted"]
