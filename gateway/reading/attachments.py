"""What came with a message, as the API tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FILES_AT = "/api/v1/files/"
"""Below the gateway's address, as pictures of operators are."""

Json = dict[str, Any]


def attachment_to_json(one: Mapping[str, Any]) -> Json:
    """An attachment as the record keeps it; one of ours under an address for callers of the API."""
    id = one.get("file")
    return {
        "id": id,
        "url": one["url"] if id is None else FILES_AT + id,
        "name": one["name"],
        "content_type": one["content_type"],
        "size": one["size"],
        "width": one.get("width"),
        "height": one.get("height"),
    }
