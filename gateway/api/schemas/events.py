"""The stream of events: which of them."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import validate

from gateway.api.schemas.base import about
from gateway.config import EVENT_NAMES, FLEETING_EVENT_NAMES
from gateway.rails.parsing import Words

_NAMES = (*EVENT_NAMES, *FLEETING_EVENT_NAMES)
_ONE = "|".join(name.replace(".", r"\.") for name in _NAMES)


class Types(Words):
    """Names of events, with commas between them; read as a set."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        names = [name.strip() for name in super()._deserialize(value, attr, data).split(",")]
        unknown = [name for name in names if name not in _NAMES]
        if unknown:
            raise ma.ValidationError(f"Must be some of {', '.join(_NAMES)}.")
        return frozenset(names)


class EventsQuery(ma.Schema):
    """Which events."""

    session = Words(
        validate=validate.Regexp(r"ses_[0-9a-hjkmnp-tv-z]{26}\Z"),
        metadata=about("only those of this session", "ses_06f3k9w2v0a1b2c3d4e5f6g7h8"),
    )
    types = Types(
        metadata={
            **about("only these, with commas between them", "session.started,message.created"),
            "pattern": f"^(?:{_ONE})(?:,(?:{_ONE}))*$",
        }
    )
