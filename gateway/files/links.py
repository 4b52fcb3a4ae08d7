"""Links that open one file for a while, for programs that have no token: the AI agent.

A link holds the file's id and its last second, and a signature over both. Its key is made of
GATEWAY_SECRET_KEY for this alone, so no other token of ours is one, and it is none of them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence

from gateway.errors import NotFound

LASTS_S = 24 * 3600
"""How long a link opens its file."""

_AUDIENCE = b"gateway: links to files for the AI agent, 1"
_TOKEN = re.compile(r"(fil_[0-9a-z]{26})\.([0-9a-f]{1,12})\.([A-Za-z0-9_-]{43})")


class Links:
    """Makes and reads tokens. Times are in seconds since 1970."""

    def __init__(self, secret_key: str | Sequence[str]) -> None:
        """Several keys: one is being replaced. The first signs, any of them is believed."""
        keys = [secret_key] if isinstance(secret_key, str) else secret_key
        self._keys = [hmac.digest(key.encode(), _AUDIENCE, hashlib.sha256) for key in keys]

    def token(self, file_id: str, now: float) -> str:
        """A token that opens this file for a day."""
        said = f"{file_id}.{int(now) + LASTS_S:x}"
        return f"{said}.{_signature(self._keys[0], said)}"

    def file_of(self, token: str, now: float) -> str:
        """The file that a token opens now; raises NotFound, the same for whatever is wrong."""
        found = _TOKEN.fullmatch(token)
        if found is not None:
            said = f"{found[1]}.{found[2]}"
            right = [hmac.compare_digest(found[3], _signature(key, said)) for key in self._keys]
            if any(right) and now < int(found[2], 16):
                return found[1]
        raise NotFound("there is no such file, or its link is too old")


def _signature(key: bytes, said: str) -> str:
    made = hmac.digest(key, said.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()
