"""How the gateway speaks to Intercom; importing this imports the SDK, so only workers do."""

from gateway.channels.intercom.client.port import API_VERSION, DEADLINE_S, IntercomPort

__all__ = ["API_VERSION", "DEADLINE_S", "IntercomPort"]
