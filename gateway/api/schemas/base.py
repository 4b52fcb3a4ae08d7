"""What all schemas share: what is told holds every field, what is asked only known ones."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

Arguments = dict[str, Any]
"""What a door was asked, checked and with its defaults."""

MOMENT = "2026-11-22T16:08:00Z"


class Told(ma.Schema):
    """An object that an answer holds: each of its fields is always there, if only as null."""

    class Meta:
        # Programs must not break when a later version tells more.
        unknown = ma.EXCLUDE

    def on_bind_field(self, field_name: str, field_obj: ma.fields.Field[Any]) -> None:
        """Make the field one that is always there."""
        field_obj.required = True


def about(description: str | None = None, *examples: Any) -> dict[str, Any]:
    """Metadata of a field: what it is, in a few words, and what it looks like."""
    told: dict[str, Any] = {}
    if description is not None:
        told["description"] = description
    if examples:
        told["examples"] = list(examples)
    return told


def example(*examples: Any) -> dict[str, Any]:
    """Metadata of a field whose name says what it is."""
    return about(None, *examples)
