"""The kinds of values that settings have, as marshmallow fields whose errors say what to do.

No message repeats a value: it might be a secret.
"""

import base64
import binascii
import re
import zoneinfo
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, validate

from gateway.config.problems import did_you_mean
from gateway.hours import read_hours

_CUSTOM = r"custom\.[A-Za-z0-9_-]{1,64}"


def needed(what: str) -> dict[str, Any]:
    """Arguments of a field that must be there; `what` tells what to put."""
    return {"required": True, "error_messages": {"required": f"is missing; set it to {what}"}}


class Text(fields.String):
    """Text, possibly empty."""

    default_error_messages = {"invalid": "must be text in quotes"}


class Word(Text):
    """Text that may not be empty; a number (an id) is taken as text, too."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        text = str(super()._deserialize(value, attr, data, **kwargs)).strip()
        if not text:
            raise ValidationError("is empty; fill it in or leave the line out")
        return text


class Secret(Word):
    """A secret. White space around it is dropped: files of secrets often end with a newline."""


class SigningSecret(Secret):
    """A secret as Standard Webhooks has it: `whsec_` and base64."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        encoded = text.removeprefix("whsec_")
        try:
            if encoded != text and base64.b64decode(encoded, validate=True):
                return text
        except binascii.Error:
            pass
        raise ValidationError(
            'must be "whsec_" followed by base64; make one: '
            """python3 -c 'import base64, os; print("whsec_" + base64.b64encode("""
            """os.urandom(24)).decode())'"""
        )


class OneOrMore(fields.Field[tuple[str, ...]]):
    """One value of a kind, or a list of them; read as a tuple."""

    def __init__(self, kind: fields.String, *, only_lists: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._kind = kind
        self._only_lists = only_lists

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[str, ...]:
        if not isinstance(value, list):
            if self._only_lists:
                raise ValidationError("must be a list in square brackets")
            return (self._kind.deserialize(value),)
        read, errors = [], {}
        for index, item in enumerate(value):
            try:
                read.append(self._kind.deserialize(item))
            except ValidationError as error:
                errors[index] = error.messages
        if errors:
            raise ValidationError(errors)
        if not read and self.required:
            raise ValidationError("is an empty list; put at least one in")
        return tuple(read)


class Choice(Text):
    """One of a few words."""

    def __init__(self, *words: str, **kwargs: Any) -> None:
        self.words = words
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if value not in self.words:
            listed = ", ".join(f'"{word}"' for word in self.words)
            raise ValidationError(f"must be one of {listed}")
        return str(value)


class Flag(fields.Boolean):
    """true or false."""

    default_error_messages = {"invalid": "must be true or false"}


class Seconds(fields.Float):
    """A time in seconds."""

    default_error_messages = {
        "invalid": "must be a number of seconds",
        "special": "must be a number of seconds",
        "too_large": "must be a number of seconds",
    }

    def __init__(self, *, above_zero: bool = False, **kwargs: Any) -> None:
        text = "must be more than 0 seconds" if above_zero else "must be 0 seconds or more"
        in_range = validate.Range(min=0, min_inclusive=not above_zero, error=text)
        super().__init__(validate=in_range, **kwargs)


class Count(fields.Integer):
    """A whole number."""

    def __init__(self, *, least: int = 0, most: int = 1_000_000_000, **kwargs: Any) -> None:
        text = f"must be a whole number from {least} to {most}"
        in_range = validate.Range(min=least, max=most, error=text)
        kwargs["error_messages"] = {
            "invalid": text,
            "too_large": text,
            **kwargs.get("error_messages", {}),
        }
        super().__init__(strict=True, validate=in_range, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class Number(fields.Float):
    """A number; not one in quotes."""

    default_error_messages = {"invalid": "must be a number", "special": "must be a finite number"}

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> float:
        if isinstance(value, bool | str):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class Scalar(fields.Field[str | float | bool]):
    """A text, a number, true or false."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str | float | bool:
        if not isinstance(value, str | int | float | bool):
            raise ValidationError("must be a text, a number, true or false")
        return value


class Port(fields.Integer):
    """A port; 0 means the usual one."""

    default_error_messages = {"invalid": "must be a number from 0 to 65535"}

    def __init__(self, **kwargs: Any) -> None:
        in_range = validate.Range(min=0, max=65535, error="must be a number from 0 to 65535")
        super().__init__(strict=True, validate=in_range, **kwargs)


class Host(Word):
    """The name or address of a host."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not re.fullmatch(r"[\w.:-]+", text):
            raise ValidationError("must be a host alone: no scheme, no port, no path")
        return text


class MailAddress(Word):
    """An e-mail address; `named` allows `Name <name@host>`."""

    def __init__(self, *, named: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._named = named

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        name, address = parseaddr(text)
        whole = re.fullmatch(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+", address) and text.isprintable()
        if not whole or (name if not self._named else False):
            shape = '"name@host" or "Name <name@host>"' if self._named else '"name@host"'
            raise ValidationError(f"must be an e-mail address: {shape}")
        return text


class WebAddress(Word):
    """An http or https address, read without a slash at its end."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        problem = address_problem(text)
        if problem is not None:
            raise ValidationError(problem)
        return text.rstrip("/")


class Origin(WebAddress):
    """The origin of a web page: scheme, host, port."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        parts = urlsplit(text)
        if parts.path or parts.query or parts.fragment or parts.username is not None:
            raise ValidationError('must be an origin only, such as "https://www.acme.example"')
        # Browsers never send the port that a scheme has anyway.
        return re.sub(r"^(http:.*):80$|^(https:.*):443$", r"\1\2", text.lower())


class PageOrigin(Origin):
    """The origin of a web page, or "null": a page without one, such as a file."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        return "null" if value == "null" else super()._deserialize(value, attr, data, **kwargs)


class IdentitySecret(Secret):
    """A secret for HS256, which needs as many bytes as its hash has (RFC 7518, 3.2)."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if len(text.encode()) < 32:
            raise ValidationError(
                "must have 32 characters or more; make one: "
                "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        return text


class Color(Word):
    """A colour as the web writes it: `#` and six digits."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
            raise ValidationError('must be a colour such as "#1f5eff"')
        return text.lower()


class Pattern(Word):
    """A regular expression."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            re.compile(text)
        except re.error as error:
            raise ValidationError(f"is not a regular expression: {error}") from error
        return text


class DetailTable(fields.Field[dict[str, str]], ABC):
    """A table with something for each of a contact's details."""

    default_error_messages = {"invalid": "must be a table"}

    @abstractmethod
    def _wrong(self, detail: str, given: Any) -> str | None:
        """What is wrong with an entry, None if nothing is."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> dict[str, str]:
        if not isinstance(value, Mapping):
            raise self.make_error("invalid")
        named: dict[str, Any] = {}
        for key, inner in value.items():
            # TOML reads `custom.order_no = …` as a table within the table.
            if key == "custom" and isinstance(inner, Mapping):
                named |= {f"custom.{name}": path for name, path in inner.items()}
            else:
                named[key] = inner
        errors = {name: [text] for name, one in named.items() if (text := self._wrong(name, one))}
        if errors:
            raise ValidationError(errors)
        return named


class ContactFields(DetailTable):
    """A table of a contact's details and where in an agent's answer each lies."""

    default_error_messages = {"invalid": "must be a table of details and paths"}

    def _wrong(self, detail: str, given: Any) -> str | None:
        if not re.fullmatch(rf"name|email|phone|external_id|{_CUSTOM}", detail):
            return "is not a detail; use name, email, phone, external_id or custom.FIELD"
        shape = r"(parameters|results)(\.[^.\s]+)+"
        if not isinstance(given, str) or not re.fullmatch(shape, given):
            return 'must be a path such as "parameters.email" or "results.order.number"'
        return None


class ContactAttributes(DetailTable):
    """A table of fields of our own and the name under which a channel keeps each."""

    default_error_messages = {
        "invalid": "must be a table of fields and attributes",
        "shared": "two fields cannot be one attribute",
        "many": "must not be more than 50",
    }

    def _wrong(self, detail: str, given: Any) -> str | None:
        if not re.fullmatch(_CUSTOM, detail):
            return "is not a field of your own; use custom.FIELD"
        if not isinstance(given, str) or not given.strip() or len(given) > 190:
            return "must be the name of an attribute, in quotes"
        return None

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> dict[str, str]:
        named = super()._deserialize(value, attr, data, **kwargs)
        if len(set(named.values())) < len(named):
            raise self.make_error("shared")
        if len(named) > 50:
            raise self.make_error("many")
        return named


class TimeZone(Word):
    """The IANA name of a time zone."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        known = zoneinfo.available_timezones()
        if text not in known:
            hint = did_you_mean(text, known) if len(text) < 60 else ""
            if not hint.startswith("did"):
                hint = 'use an IANA name such as "Europe/Dublin"'
            raise ValidationError(f"is not a time zone; {hint}")
        return text


class WorkingHours(Word):
    """A week of working hours."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return read_hours(text).text
        except ValueError as error:
            raise ValidationError(str(error)) from error


def address_problem(text: str, schemes: Sequence[str] = ("http", "https")) -> str | None:
    """Return what is wrong with an address, or None."""
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(text)
        whole = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        whole = False
    if not whole or any(character.isspace() for character in text):
        return f"must be an address that begins with {wanted} and names a host"
    return None
