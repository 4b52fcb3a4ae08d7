"""Who is speaking: deliveries that did not come through the widget's own doors must be signed.

The doors make deliveries in the process that keeps them, so nothing is sent and nothing signed. The
webhook door is open to the world as every channel's is: there only the gateway itself is believed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from gateway.errors import NotAuthentic

HEADER = "X-Widget-Signature"
_FORM = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)


def derived_key(secret_key: str, channel: str) -> bytes:
    """The key that signs deliveries of one channel, made of the gateway's own."""
    return hmac.digest(
        secret_key.encode(), f"gateway.widget.deliveries\n{channel}".encode(), "sha256"
    )


def sign(body: bytes, key: bytes) -> str:
    """What goes into the header."""
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def verify(headers: Mapping[str, str], body: bytes, keys: Sequence[bytes]) -> None:
    """Check the signature over the raw body with each of the keys; raise NotAuthentic."""
    given = headers.get(HEADER)
    if given is None:
        raise NotAuthentic(f"{HEADER} is missing: visitors speak at /widget/v1/messages")
    if _FORM.fullmatch(given) is None:
        raise NotAuthentic(f"{HEADER} is not a signature: expected sha256= and 64 digits")
    right = [hmac.compare_digest(sign(body, key).encode(), given.encode()) for key in keys]
    if not any(right):
        raise NotAuthentic(f"{HEADER} does not match the body")
