"""The way in for all that a channel reports: kept, applied and its consequences owed in one commit.

What is authentic but cannot be applied is kept as failed. It might have been a takeover, so the AI
says nothing in the conversation it names until that conversation has been read from the channel.
"""

from gateway.inbox.deliveries import Arrival, Receipt
from gateway.inbox.inbox import FOUND_LATE, MOST_TOGETHER, Inbox, describe
from gateway.inbox.installations import pinned

__all__ = ["FOUND_LATE", "MOST_TOGETHER", "Arrival", "Inbox", "Receipt", "describe", "pinned"]
