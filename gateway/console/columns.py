"""Which columns of the customers' table somebody wants to see: kept in their browser."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.config import HttpAgentSettings, Settings
from gateway.contacts.details import CUSTOM
from gateway.reading.sessions import Json

COOKIE = "gateway-columns"

_FIXED = {
    "email": "E-mail",
    "phone": "Phone",
    "external_id": "External id",
    "level": "Level",
    "channels": "Channels",
    "created_at": "First seen",
    "updated_at": "Last changed",
}
_USUAL = ("email", "phone", "level", "channels", "created_at")
_NAME = re.compile(r"custom\.[A-Za-z0-9_-]{1,64}")
_MOST = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns that there are, by key, and those of them that are shown; the name always is."""

    known: Mapping[str, str]
    shown: Sequence[str]

    @classmethod
    def read(cls, cookies: Mapping[str, str], settings: Settings, found: Sequence[Json]) -> Columns:
        """As this browser was told. Fields of one's own are those that agents collect, those that
        somebody on this page has, and those that were chosen."""
        said = cookies.get(COOKIE)
        chosen = said.split("~") if said is not None else list(_USUAL)
        custom = {
            detail
            for agent in settings.agents.values()
            if isinstance(agent, HttpAgentSettings)
            for detail in agent.contact_fields
            if detail.startswith(CUSTOM)
        }
        custom |= {f"{CUSTOM}{name}" for card in found for name in card["custom"]}
        custom |= {key for key in chosen if _NAME.fullmatch(key)}
        own = {key: key.removeprefix(CUSTOM) for key in sorted(custom)[:_MOST]}
        known = {**_FIXED, **own}
        return cls(known=known, shown=[key for key in known if key in chosen])
