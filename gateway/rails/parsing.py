"""What callers send: JSON bodies and query parameters, refused by name when they are wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NoReturn

import marshmallow as ma
import msgspec
from flask import Request, request
from webargs.flaskparser import FlaskParser

from gateway.clock import to_micros
from gateway.errors import NotFound, Unreadable

MAX_BODY = 1024 * 1024
MAX_TEXT = 20_000

_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")
_ID = re.compile(r"[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}")


class Invalid(Unreadable):
    """The input can be read, but a field of it cannot be used; `details.fields` says which."""

    code = "invalid"
    status = 422


class Words(ma.fields.String):
    """Text that the database can keep: PostgreSQL stores neither NUL nor half a surrogate pair."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise ma.ValidationError("Holds a character that is not text.")
        return str(text)


class Flag(ma.fields.Boolean):
    """True or false, not one of the many words for it."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Whole(ma.fields.Integer):
    """A whole number as JSON has it: 5 and 5.0, not "5", not true."""

    def _validated(self, value: Any) -> int:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if not whole or isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return int(super()._validated(value))


class Moment(ma.fields.Field[int]):
    """A time as ISO 8601 with its offset (`Z`, `+01:00`), in microseconds since 1970."""

    default_error_messages = {
        "invalid": "Not a time such as 2026-11-22T16:08:00Z (in a query, + is spelled %2B)."
    }

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None or not _TIME.match(value):
                raise self.make_error("invalid")
            return to_micros(moment)
        except (TypeError, ValueError, OverflowError):
            raise self.make_error("invalid") from None


class StrictParser(FlaskParser):
    """Reads arguments; whatever is unknown or wrong is refused with the field's name."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"query": ma.RAISE, "json": ma.RAISE}

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        """The body as JSON, whatever its content type; no body is an empty object."""
        body = req.get_data(cache=True)
        if not body.strip():
            return {}
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # `from None`: the parser's error may quote the body.
            raise Unreadable("the body is not JSON in UTF-8") from None

    def handle_error(self, error: ma.ValidationError, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse, naming every field at fault."""
        fields: dict[str, list[str]] = {}
        for inner in dict(error.messages_dict).values():
            for name, message in _flat(inner):
                fields.setdefault(name or "body", []).append(message)
        listed = "; ".join(f"{name}: {' '.join(said)}" for name, said in sorted(fields.items()))
        raise Invalid(listed, details={"fields": fields}) from error


def bound_body() -> None:
    """Refuse larger bodies before they are read (413)."""
    request.max_content_length = MAX_BODY


def checked_id(prefix: str, text: str) -> str:
    """An id as we give them; anything else raises NotFound without asking the database."""
    if not text.startswith(prefix + "_") or not _ID.fullmatch(text):
        raise NotFound(f"there is no {text[:60]!r} here")
    return text


def _flat(messages: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """marshmallow's tree of messages, as (`messages.0.text`, message)."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            name = where if key == "_schema" else f"{where}.{key}" if where else str(key)
            yield from _flat(inner, name)
    elif isinstance(messages, str):
        yield where, messages
    else:
        for message in messages:
            yield from _flat(message, where)
