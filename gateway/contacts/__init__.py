"""Who the customer is: contacts, the identities that channels have for them, joins and splits.

`look_up` and `see` are the hot path: what a channel says in passing. Everything else is asked for
by people, or by what an AI agent found out.
"""

from gateway.contacts.seeing import look_up, news, see

__all__ = ["look_up", "news", "see"]
