"""Streams: who looks on, and what each is shown as it happens (server-sent events)."""

from gateway.streams.following import open_stream, written
from gateway.streams.gate import Gate
from gateway.streams.hub import Hub
from gateway.streams.stream import Guest, Stream, Wanted

__all__ = ["Gate", "Guest", "Hub", "Stream", "Wanted", "open_stream", "written"]
