"""How Intercom signs what it posts; pure functions."""

from __future__ import annotations

import hashlib
import hmac


def hub_signature(body: bytes, client_secret: str) -> str:
    """Return `X-Hub-Signature`. Vendor rule: HMAC-SHA1 over the raw body, `sha1=` in front."""
    return "sha1=" + hmac.new(client_secret.encode(), body, hashlib.sha1).hexdigest()


def body_signature(body: bytes, client_secret: str) -> str:
    """Return `X-Body-Signature` of uninstall and health calls: HMAC-SHA256, no prefix."""
    return hmac.new(client_secret.encode(), body, hashlib.sha256).hexdigest()
