"""Public apps: which workspaces have let one in, with what token, and whether each may be asked.

Each workspace is a channel of its own, named `<app>.<workspace>`: what is kept by channel (people,
pauses, passes, limits, alerts) is kept apart by that alone, and equal ids never meet.
"""

from gateway.installing.channels import LiveChannels, PerChannel
from gateway.installing.installing import Installing
from gateway.installing.seals import Seals

__all__ = ["Installing", "LiveChannels", "PerChannel", "Seals"]
