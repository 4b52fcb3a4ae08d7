"""A stand-in for Intercom: a workspace in memory, its REST API, its webhooks and an inbox page.

It imports nothing of the gateway, so that it cannot share the gateway's mistakes.
"""

from intercom_standin.public_app import PublicApp
from intercom_standin.server import StandIn

__all__ = ["PublicApp", "StandIn"]
