"""Who is speaking: Intercom's two signatures, checked over the raw bytes of a request."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence

from gateway.errors import NotAuthentic

NOTIFICATION_HEADER = "X-Hub-Signature"
BODY_HEADER = "X-Body-Signature"

# Vendor's rule (webhook models): `sha1=` and the hexadecimal HMAC-SHA1 of the raw body.
_NOTIFICATION = re.compile(r"sha1=([0-9a-f]{40})", re.IGNORECASE | re.ASCII)
# Uninstall, health check and Canvas Kit use another header and hash, without a prefix.
_BODY = re.compile(r"([0-9a-f]{64})", re.IGNORECASE | re.ASCII)


def verify_notification(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    """Check a notification's `X-Hub-Signature` against any of `secrets`; raise NotAuthentic.

    There is no time in what is signed, so an old delivery is as authentic as a new one.
    """
    given = _given(headers, NOTIFICATION_HEADER, _NOTIFICATION, "sha1= and 40 hexadecimal digits")
    _compare(given, body, secrets, "sha1", NOTIFICATION_HEADER)


def verify_body_signature(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    """Check `X-Body-Signature` of an uninstall or health request; raise NotAuthentic."""
    given = _given(headers, BODY_HEADER, _BODY, "64 hexadecimal digits")
    _compare(given, body, secrets, "sha256", BODY_HEADER)


def _given(headers: Mapping[str, str], name: str, form: re.Pattern[str], expected: str) -> bytes:
    value = headers.get(name)
    if value is None:
        # HTTP header names have no case; a plain dict of them does.
        value = next((headers[key] for key in headers if key.lower() == name.lower()), None)
    if value is None:
        raise NotAuthentic(f"{name} is missing: the request is not signed")
    match = form.fullmatch(value.strip())
    if match is None:
        raise NotAuthentic(f"{name} is not a signature: expected {expected}")
    return match[1].lower().encode("ascii")


def _compare(given: bytes, body: bytes, secrets: Sequence[str], hash_name: str, name: str) -> None:
    # An empty key would let anyone sign (corsairdev/corsair#711), so it counts as none.
    keys = [secret.encode() for secret in secrets if secret.strip()]
    if not keys:
        raise NotAuthentic("no client secret is set for this channel, so nothing can be authentic")
    held = False
    for key in keys:
        digest = hmac.digest(key, body, hash_name).hex().encode("ascii")
        held |= hmac.compare_digest(digest, given)
    if not held:
        raise NotAuthentic(
            f"{name} does not match the body: it was signed with another secret, or altered"
        )
