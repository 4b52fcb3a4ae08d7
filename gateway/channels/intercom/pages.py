"""Where people find a conversation in Intercom's own pages."""

from __future__ import annotations

from urllib.parse import quote

# The API's address tells where the workspace lives, and so do the pages' addresses.
_PAGES = {
    "https://api.intercom.io": "https://app.intercom.com",
    "https://api.eu.intercom.io": "https://app.eu.intercom.com",
    "https://api.au.intercom.io": "https://app.au.intercom.com",
}


def conversation_page(base_url: str, workspace: str, conversation: str) -> str:
    """The address of a conversation in the inbox; the stand-in has a page of its own."""
    base_url = base_url.rstrip("/")
    pages = _PAGES.get(base_url)
    if pages is None:
        return f"{base_url}/#{quote(conversation, safe='')}"
    where = quote(workspace, safe="")
    return f"{pages}/a/inbox/{where}/inbox/conversation/{quote(conversation, safe='')}"
