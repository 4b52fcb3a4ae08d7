"""The port to Intercom's REST API: what we ask of it, over python-intercom.

This is the only file that imports the SDK (half a second, 45 MB). It spells the requests, but for
the two that every answer of the AI costs. How they are made is told in calls.py.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Literal

import httpx

# The SDK imports a client, and all that it speaks of, at its first use. Here it is shared by
# workers that are forked (`forking.py`).
import intercom.admins.client
import intercom.contacts.client
import intercom.conversations.client
import intercom.teams.client  # noqa: F401
import msgspec
from intercom import (
    AdminReplyConversationRequest,
    Intercom,
    MultipleFilterSearchRequest,
    SearchRequestQuery,
    SingleFilterSearchRequest,
    StartingAfterPaging,
)
from intercom.conversations import (
    ConversationsManageRequestBody_Assignment,
    ConversationsManageRequestBody_Close,
)
from intercom.core.request_options import RequestOptions
from intercom.environment import IntercomEnvironment

from gateway.channels.intercom import ALLOWANCE
from gateway.channels.intercom.client.answers import Json
from gateway.channels.intercom.client.calls import Calls
from gateway.errors import Again, ConfigError, Never, NotFound
from gateway.quota import Quota

Region = Literal["us", "eu", "au"]

API_VERSION = "2.14"  # what the SDK is generated from
DEADLINE_S = 10.0  # DESIGN.md section 3: the total of one HTTP call

# Documented for both searches, and missing from the SDK's arguments.
_NEWEST_FIRST: RequestOptions = {
    "additional_body_parameters": {"sort": {"field": "updated_at", "order": "descending"}}
}

_ADDRESSES: dict[Region, str] = {
    "us": IntercomEnvironment.US_PRODUCTION.value,
    "eu": IntercomEnvironment.EU_PRODUCTION.value,
    "au": IntercomEnvironment.AU_PRODUCTION.value,
}
# The SDK puts ids into the path as they are, and "last" means whichever conversation is newest.
_ID = re.compile(r"(?!last\Z)[A-Za-z0-9_-]{1,64}", re.ASCII)


class IntercomPort:
    """One workspace's REST API. Safe to share between threads.

    Every call ends within `deadline` seconds; what it raises is told in answers.py. Answers are
    Intercom's own JSON objects. Nothing is ever tried twice in here. `background` calls are those
    that no customer waits for: they leave a part of the rate limit to the others.
    """

    def __init__(
        self,
        *,
        access_token: str,
        api_version: str = API_VERSION,
        region: Region = "us",
        base_url: str | None = None,
        connections: int = 32,
        quota: Quota | None = None,
        refused: Callable[[], object] | None = None,
    ) -> None:
        """Prepare; nothing is sent. Raises ConfigError. Without a `quota` the port counts alone.

        Once Intercom does not take the token, `refused` is called if given, and Paused raised.
        """
        self.api_version = api_version
        address = httpx.URL(base_url or _ADDRESSES[region])
        spelled = str(address).rstrip("/")
        # None: somewhere else, such as the stand-in.
        self.region = next((name for name, one in _ADDRESSES.items() if one == spelled), None)
        problems = []
        if not re.fullmatch(r"[!-~]+", access_token, re.ASCII):
            problems.append("access_token: needs a token, without spaces or line ends")
        if address.scheme not in ("http", "https") or not address.host:
            problems.append("base_url: needs an address that begins with https://")
        if problems:
            raise ConfigError(problems)
        # The SDK sends no version of its own, and then the app's setting decides.
        headers = {
            "Intercom-Version": api_version,
            "User-Agent": "channel-gateway (python-intercom)",
        }
        self._calls = Calls(
            spelled,
            {**headers, "Authorization": f"Bearer {access_token}"},
            connections=connections,
            quota=quota or Quota(None, "alone", allowance=ALLOWANCE),
            refused=refused,
        )
        weakref.finalize(self, self._calls.close)
        sdk = Intercom(
            token=access_token,
            base_url=spelled,
            headers=headers,
            httpx_client=self._calls.client,
        )
        # Its parts load lazily; here rather than in the first call of several threads at once.
        self._conversations = sdk.conversations
        self._contacts = sdk.contacts
        self._admins = sdk.admins
        self._teams = sdk.teams

    def reply(
        self, conversation: str, *, admin: str, html: str, deadline: float = DEADLINE_S
    ) -> Json:
        """Say `html` to the customer as `admin`; return the conversation with its new part."""
        said = {"message_type": "comment", "type": "admin", "admin_id": admin, "body": html}
        body = msgspec.json.encode(said)
        return self._write(
            "a reply",
            conversation,
            deadline,
            lambda: self._calls.spell(b"POST", f"/conversations/{conversation}/reply", body),
        )

    def note(
        self, conversation: str, *, admin: str, html: str, deadline: float = DEADLINE_S
    ) -> Json:
        """Leave `html` for the people inside; return the conversation with its new part."""
        request = AdminReplyConversationRequest(message_type="note", admin_id=admin, body=html)
        return self._write(
            "a note",
            conversation,
            deadline,
            lambda: self._conversations.reply(conversation, request=request),
        )

    def assign(
        self,
        conversation: str,
        *,
        admin: str,
        kind: Literal["admin", "team"],
        assignee: str,
        deadline: float = DEADLINE_S,
    ) -> Json:
        """Assign to an admin or team ("0": to nobody) as `admin`; return the conversation.

        Never with a `body`: versions disagree on whether the customer would see it.
        """
        request = ConversationsManageRequestBody_Assignment(
            type=kind, admin_id=admin, assignee_id=assignee
        )
        return self._write(
            "an assignment",
            conversation,
            deadline,
            lambda: self._conversations.manage(conversation, request=request),
        )

    def close(self, conversation: str, *, admin: str, deadline: float = DEADLINE_S) -> Json:
        """Close as `admin`; return the conversation."""
        request = ConversationsManageRequestBody_Close(admin_id=admin)
        return self._write(
            "a close",
            conversation,
            deadline,
            lambda: self._conversations.manage(conversation, request=request),
        )

    def conversation(
        self, conversation: str, *, background: bool = False, deadline: float = DEADLINE_S
    ) -> Json:
        """Read one conversation with its newest 500 parts, bodies as HTML; raise NotFound."""
        if not _ID.fullmatch(conversation):
            raise NotFound(f"{conversation[:80]!r} is no id of Intercom's")
        found = self._read(
            "a conversation",
            deadline,
            lambda: self._calls.spell(b"GET", f"/conversations/{conversation}"),
            background=background,
        )
        if str(found.get("id")) != conversation:
            raise Again("Intercom answered a conversation's read with something else")
        return found

    def search_conversations(
        self,
        *,
        updated_since: int,
        updated_until: int | None = None,
        per_page: int = 150,
        starting_after: str | None = None,
        deadline: float = DEADLINE_S,
    ) -> Json:
        """One page of the conversations that changed from then to then (Unix seconds), no parts.

        The newest first; `pages.next.starting_after` of the answer asks for the next one.
        """
        # Intercom's `>` is documented as "greater than" and as "greater or equal".
        since = _filter("updated_at", ">", updated_since - 1)
        query: SearchRequestQuery = since
        if updated_until is not None:
            until = _filter("updated_at", "<", updated_until + 1)
            query = MultipleFilterSearchRequest(operator="AND", value=[since, until])
        paging = StartingAfterPaging(per_page=per_page, starting_after=starting_after)
        return self._read(
            "a search",
            deadline,
            lambda: self._conversations.search(
                query=query, pagination=paging, request_options=_NEWEST_FIRST
            ),
        )

    def search_contacts(
        self,
        *,
        updated_since: int,
        per_page: int = 150,
        starting_after: str | None = None,
        deadline: float = DEADLINE_S,
    ) -> Json:
        """One page of the contacts that changed since (Unix seconds), the newest first.

        Up to API 2.16 Intercom cuts the time to a day; contacts that were merged are not listed.
        """
        query = _filter("updated_at", ">", updated_since - 1)
        paging = StartingAfterPaging(per_page=per_page, starting_after=starting_after)
        return self._read(
            "a search for contacts",
            deadline,
            lambda: self._contacts.search(
                query=query, pagination=paging, request_options=_NEWEST_FIRST
            ),
        )

    @property
    def lists_deleted(self) -> bool:
        """Whether this version of the API lists deleted conversations: from 2.16 on."""
        major, _, minor = self.api_version.partition(".")
        return (int(major), int(minor)) >= (2, 16)

    def deleted_conversations(
        self, *, page: int, per_page: int = 60, deadline: float = DEADLINE_S
    ) -> Json:
        """One page of the conversations that were deleted, the newest first (API 2.16)."""
        asked: dict[str, str | int] = {"page": page, "per_page": per_page, "order": "desc"}
        return self._read(
            "the deleted conversations",
            deadline,
            # The SDK (2.14) does not know this call.
            lambda: self._calls.client.get("/conversations/deleted", params=asked),
        )

    def contact(self, contact: str, *, deadline: float = DEADLINE_S) -> Json:
        """Read one contact; raise NotFound, also for one that was merged into another."""
        if not _ID.fullmatch(contact):
            raise NotFound(f"{contact[:80]!r} is no id of Intercom's")
        return self._read("a contact", deadline, lambda: self._contacts.find(contact))

    def update_contact(
        self, contact: str, details: Mapping[str, Any], *, deadline: float = DEADLINE_S
    ) -> Json:
        """Change a contact's name, email, phone, external_id (None: none) or custom_attributes, and
        return it.

        In the background: a customer who waits for words goes first. Raises NotFound, also for one
        that was merged into another, and Never where another contact has these details.
        """
        given: dict[str, Any] = dict(details)
        try:
            return self._write(
                "a contact's update",
                contact,
                deadline,
                lambda: self._contacts.update(contact, **given),
                background=True,
            )
        except Again as refused:
            # "A contact matching those details already exists": it will be there tomorrow, too.
            if refused.details.get("status") == 409:
                raise Never(refused.message, details=refused.details) from refused
            raise
        except Never as refused:
            if refused.details.get("status") in (404, 410):
                raise NotFound(refused.message, details=refused.details) from refused
            raise

    def conversations_of(self, contact: str, *, deadline: float = DEADLINE_S) -> Json:
        """The newest 150 conversations of a contact, without parts."""
        query = SingleFilterSearchRequest(field="contact_ids", operator="=", value=contact)
        return self._read(
            "a search for a contact's conversations",
            deadline,
            lambda: self._conversations.search(
                query=query,
                pagination=StartingAfterPaging(per_page=150),
                request_options=_NEWEST_FIRST,
            ),
        )

    def me(self, *, deadline: float = DEADLINE_S) -> Json:
        """The admin who owns the token, and the workspace in `app`."""
        return self._read("/me", deadline, self._admins.identify)

    def admins(self, *, deadline: float = DEADLINE_S) -> list[Json]:
        """Every teammate."""
        return _objects(self._read("/admins", deadline, self._admins.list), "admins")

    def teams(self, *, deadline: float = DEADLINE_S) -> list[Json]:
        """Every team."""
        return _objects(self._read("/teams", deadline, self._teams.list), "teams")

    @property
    def clock_skew_s(self) -> float | None:
        """How far our clock is ahead of Intercom's, by its last answer; None before the first."""
        return self._calls.skew_s

    def shut(self) -> None:
        """Close the connections that are kept open; done by itself when the port goes."""
        self._calls.close()

    def _write(
        self,
        what: str,
        named: str,
        deadline: float,
        ask: Callable[[], object],
        *,
        background: bool = False,
    ) -> Json:
        if not _ID.fullmatch(named):
            raise Never(f"{named[:80]!r} is no id of Intercom's")
        return self._calls.ask(what, deadline, ask, write=True, background=background)

    def _read(
        self, what: str, deadline: float, ask: Callable[[], object], *, background: bool = True
    ) -> Json:
        return self._calls.ask(what, deadline, ask, write=False, background=background)


def _filter(field: str, operator: Literal["<", ">"], value: int) -> SingleFilterSearchRequest:
    return SingleFilterSearchRequest(field=field, operator=operator, value=value)


def _objects(answer: Json, name: str) -> list[Json]:
    items = answer.get(name)
    if not isinstance(items, list):
        raise Again(f"Intercom's list of {name} is unreadable")
    # Intercom's spec allows null in these lists.
    return [item for item in items if isinstance(item, dict)]
