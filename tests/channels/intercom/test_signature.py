"""Signatures: the vendor's two headers, rotation, and failing closed."""

import hashlib
import hmac

import pytest

from gateway.channels.intercom.signature import verify_body_signature, verify_notification
from gateway.errors import NotAuthentic

SECRET = "intercom_secret"
# The vector of docs: recomputed with openssl.
BODY = (
    b'{"type":"notification_event","id":"notif_1","topic":"conversation.user.created",'
    b'"app_id":"abc","created_at":1700000000,"data":{"type":"notification_event_data",'
    b'"item":{"type":"conversation","id":"1"}}}'
)
SIGNED = {"X-Hub-Signature": "sha1=e0d6deaa5785a871c44a56b6c3138ce190b6cc98"}


def test_the_known_vector_is_authentic() -> None:
    verify_notification(SIGNED, BODY, [SECRET])


@pytest.mark.parametrize("name", ["x-hub-signature", "X-HUB-SIGNATURE", "X-Hub-Signature"])
def test_header_names_have_no_case(name: str) -> None:
    verify_notification({name: SIGNED["X-Hub-Signature"]}, BODY, [SECRET])


def test_any_secret_of_a_rotation_is_enough() -> None:
    verify_notification(SIGNED, BODY, ["the new one", SECRET])
    verify_notification(SIGNED, BODY, [SECRET, "", "the new one"])


@pytest.mark.parametrize("secrets", [[], [""], ["", "  "]])
def test_without_a_secret_nothing_is_authentic(secrets: list[str]) -> None:
    forged = "sha1=" + hmac.new(b"", BODY, hashlib.sha1).hexdigest()
    with pytest.raises(NotAuthentic, match="no client secret"):
        verify_notification({"X-Hub-Signature": forged}, BODY, secrets)


@pytest.mark.parametrize(
    ("headers", "what"),
    [
        ({}, "is missing"),
        ({"X-Hub-Signature": ""}, "is not a signature"),
        ({"X-Hub-Signature": "sha1="}, "is not a signature"),
        ({"X-Hub-Signature": "e0d6deaa5785a871c44a56b6c3138ce190b6cc98"}, "is not a signature"),
        ({"X-Hub-Signature": "sha1=" + "é" * 40}, "is not a signature"),
        ({"X-Hub-Signature": "sha1=" + "٣" * 40}, "is not a signature"),
        ({"X-Hub-Signature": "sha1=\udcff"}, "is not a signature"),
        ({"X-Hub-Signature": "sha256=" + "0" * 64}, "is not a signature"),
        ({"X-Hub-Signature": "sha1=" + "0" * 40}, "does not match"),
        ({"X-Body-Signature": "0" * 64}, "is missing"),
    ],
)
def test_what_does_not_hold_is_told_without_secrets(headers: dict[str, str], what: str) -> None:
    with pytest.raises(NotAuthentic, match=what) as caught:
        verify_notification(headers, BODY, [SECRET])
    told = f"{caught.value.message} {caught.value.details}"
    assert SECRET not in told
    assert "e0d6deaa" not in told


def test_every_byte_of_the_body_counts() -> None:
    for altered in (BODY + b" ", BODY[:-1], BODY.replace(b"abc", b"abd"), b""):
        with pytest.raises(NotAuthentic):
            verify_notification(SIGNED, altered, [SECRET])


def test_uninstall_and_health_have_their_own_header_and_hash() -> None:
    body = b'{"app_id":"abc"}'
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    verify_body_signature({"X-Body-Signature": digest}, body, [SECRET])
    for headers in ({}, {"X-Body-Signature": digest[:-1]}, {"X-Body-Signature": "0" * 64}):
        with pytest.raises(NotAuthentic):
            verify_body_signature(headers, body, [SECRET])
    with pytest.raises(NotAuthentic):
        verify_body_signature({"X-Body-Signature": digest}, body, [])
