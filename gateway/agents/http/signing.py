"""Standard Webhooks signatures: the same secret signs questions and checks late answers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime

from standardwebhooks import Webhook, WebhookVerificationError

from gateway.errors import ConfigError, NotAuthentic

_PREFIX = "whsec_"


class Signatures:
    """Signs with every secret it has and accepts any of them, so that secrets can be replaced."""

    def __init__(self, secrets: str | Sequence[str]) -> None:
        """Take secrets in the form `whsec_` + base64; raise ConfigError without repeating them."""
        secrets = [secrets] if isinstance(secrets, str) else secrets
        if not secrets:
            raise ConfigError(["the agent's secret is missing"])
        self._keys = [Webhook(_to_key(secret)) for secret in secrets]

    def headers(self, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
        """Return the three headers that sign a body; `at` is aware and in UTC."""
        text = body.decode()
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(key.sign(message_id, at, text) for key in self._keys),
        }

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise NotAuthentic unless one of the secrets signed this within the last 5 minutes."""
        given = dict(headers)
        problem = ""
        for key in self._keys:
            try:
                key.verify(body, given, json_parse=False)
            except WebhookVerificationError as error:
                problem = str(error)
            except ValueError:
                # Base64, commas and UTF-8 are taken for granted by the library.
                problem = "Invalid Signature Headers"
            else:
                return
        raise NotAuthentic(f"the signature does not hold: {problem}")


def _to_key(secret: str) -> bytes:
    # The library drops what is not base64 and would then sign with another key than was meant.
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key or encoded == secret:
        # `from None`: the parser's error may quote the secret.
        raise ConfigError(['the agent\'s secret must be "whsec_" followed by base64']) from None
    return key
