"""The deployments of the widget: each a channel with a key, pages that may embed it, and limits."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.channels.base import Channel
from gateway.channels.webwidget.identity import Identities
from gateway.channels.webwidget.refusals import NoSuchWidget, OriginNotAllowed, TokenInvalid
from gateway.channels.webwidget.talk import Teller
from gateway.channels.webwidget.tokens import Token, Tokens
from gateway.config import WebWidgetSettings
from gateway.errors import TooMany
from gateway.quota.callers import Callers, network_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One widget, as its channel's table in the settings describes it."""

    channel: Channel
    settings: WebWidgetSettings
    identities: Identities
    teller: Teller
    visitors: Callers
    addresses: Callers

    @property
    def name(self) -> str:
        """The channel's name."""
        return self.channel.name

    def check_origin(self, origin: str | None) -> None:
        """Raise OriginNotAllowed for a page that is not one of this deployment's.

        A caller that sends no origin at all is no browser, and could send any.
        """
        if origin is not None and origin not in self.settings.allowed_origins:
            raise OriginNotAllowed("this page may not use this widget; see allowed_origins")

    def count(self, *, visitor: str | None = None, address: str | None) -> None:
        """Count a call of a visitor and from an address; raise TooMany.

        What a visitor calls too often does not count for those behind the same address.
        """
        if visitor is not None:
            _count(self.visitors, f"{self.name}:{visitor}", "this visitor calls too often")
        place = f"{self.name}:{network_of(address)}"
        _count(self.addresses, place, "too many calls come from this address")


class Deployments:
    """All of them, by what callers name them."""

    def __init__(
        self, deployments: Iterable[Deployment], tokens: Tokens, strangers: Callers
    ) -> None:
        """`tokens` are good for all: each names its deployment. `strangers` counts what is none."""
        self._all = tuple(deployments)
        self._by_key = {one.settings.key: one for one in self._all}
        self._by_name = {one.name: one for one in self._all}
        self._origins = {origin for one in self._all for origin in one.settings.allowed_origins}
        self._strangers = strangers
        self.tokens = tokens

    def of_key(self, key: str) -> Deployment:
        """The deployment that a page names; raise NoSuchWidget."""
        found = self._by_key.get(key)
        if found is None:
            raise NoSuchWidget("there is no widget with this key")
        return found

    def of_name(self, name: str) -> Deployment:
        """The deployment of a channel; raise NoSuchWidget."""
        found = self._by_name.get(name)
        if found is None:
            raise NoSuchWidget("there is no such widget")
        return found

    def with_demo_page(self) -> dict[str, WebWidgetSettings]:
        """The settings of those that have a page to try them, by the names of their channels."""
        return {one.name: one.settings for one in self._all if one.settings.demo_page}

    @property
    def color(self) -> str | None:
        """The colour that all of them have; None where they differ."""
        colors = {one.settings.color for one in self._all}
        return colors.pop() if len(colors) == 1 else None

    def of_token(self, text: str, address: str | None) -> tuple[Deployment, Token]:
        """Whose token it is and what it says; raise TokenInvalid or TokenExpired.

        Raises TooMany for an address that tries too many that are none.
        """
        try:
            token = self.tokens.read(text)
        except TokenInvalid:
            _count(self._strangers, f"strangers:{network_of(address)}", "no token of these holds")
            raise
        found = self._by_name.get(token.channel)
        if found is None:
            raise TokenInvalid("this is a token of a widget that is no more")
        self.tokens.check_age(token, found.settings.token_days)
        return found, token

    def knows_origin(self, origin: str | None) -> bool:
        """Whether the page is one of any deployment's: all that can be told before a call's own."""
        return origin in self._origins


def _count(callers: Callers, who: str, why: str) -> None:
    standing = callers.count(who)
    if standing is not None and not standing.allowed:
        wait_s = standing.reset_s
        raise TooMany(f"{why}; try again in {math.ceil(wait_s)} s", after_s=wait_s)
