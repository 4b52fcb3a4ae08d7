"""JWTs of known visitors: HS256 with the site's secret, for a day at most, and nothing else."""

import base64
import json
from typing import Any

import jwt
import pytest

from gateway.channels.webwidget.identity import LONGEST, Identities, Proof
from gateway.channels.webwidget.refusals import JwtExpired, JwtInvalid
from gateway.clock import MovableClock
from tests.channels.webwidget.site import START

SECRET = "a secret of thirty-two characters or more"
OLD = "an older secret of thirty-two characters"
NOW = int(START.timestamp())
FULL = {"sub": "user-1", "exp": NOW + 600, "email": "ann@acme.example", "name": "Ann"}


def identities(*secrets: str, clock: MovableClock | None = None) -> Identities:
    return Identities(secrets or (SECRET,), clock or MovableClock(START))


def signed(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    told = {name: value for name, value in {**FULL, **claims}.items() if value is not ...}
    return jwt.encode(told, secret, algorithm=algorithm)


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def test_it_proves_who_it_is() -> None:
    assert identities().read(signed(phone="+353 1 555")) == Proof(
        user="user-1", name="Ann", email="ann@acme.example", phone="+353 1 555"
    )
    assert identities().read(signed(sub=42, name=..., email=...)) == Proof(user="42")


def test_details_that_are_none_are_left_out() -> None:
    assert identities().read(signed(name=["Ann"], email="  ")) == Proof(user="user-1")
    assert identities().read(signed(name="A\x00nn\ud83d")).name == "Ann"


def test_any_of_several_secrets_may_have_signed() -> None:
    assert identities(SECRET, OLD).read(signed(OLD)).user == "user-1"
    with pytest.raises(JwtInvalid, match="not signed with this widget's identity_secret"):
        identities().read(signed(OLD))


@pytest.mark.parametrize("secrets", [(), ("",)])
def test_without_a_secret_nobody_proves_anything(secrets: tuple[str, ...]) -> None:
    for token in (signed(), part({"alg": "HS256"}) + "." + part(FULL) + "."):
        with pytest.raises(JwtInvalid):
            Identities(secrets, MovableClock(START)).read(token)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused(algorithm: str) -> None:
    long = "a secret that is long enough for every one of these hashes, even the longest"
    with pytest.raises(JwtInvalid):
        identities(long).read(signed(long, algorithm))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, "RS256"])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_a_token_does_not_choose_how_it_is_checked(algorithm: Any, signature: str) -> None:
    header = {"alg": algorithm, "typ": "JWT"}
    with pytest.raises(JwtInvalid):
        identities().read(f"{part(header)}.{part(FULL)}.{signature}")


def test_what_it_says_cannot_be_changed() -> None:
    header, _, signature = signed().split(".")
    with pytest.raises(JwtInvalid):
        identities().read(f"{header}.{part({**FULL, 'sub': 'admin'})}.{signature}")


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": ...}, {"exp": None}, {"exp": "tomorrow"}, {"exp": True}, {"exp": -1},
        {"exp": 2**60}, {"exp": NOW + 86_400 + 120}, {"iat": NOW - 90_000, "exp": NOW + 600},
        {"iat": NOW + 600}, {"iat": "now"}, {"nbf": NOW + 600}, {"nbf": []},
        {"sub": ...}, {"sub": None}, {"sub": ""}, {"sub": "  "}, {"sub": "x" * 201}, {"sub": True},
        {"sub": ["user-1"]}, {"sub": "a\x00"}, {"sub": 1.5},
    ],
)  # fmt: skip
def test_what_it_must_say(claims: dict[str, Any]) -> None:
    with pytest.raises(JwtInvalid):
        identities().read(signed(**claims))


def test_it_expires_by_our_clock_give_or_take_a_minute() -> None:
    clock = MovableClock(START)
    token = signed(iat=NOW + 30, nbf=NOW + 30)  # the site's clock is ahead
    identities(clock=clock).read(token)
    clock.advance(600 + 59)
    identities(clock=clock).read(token)
    clock.advance(1)
    with pytest.raises(JwtExpired):
        identities(clock=clock).read(token)


@pytest.mark.parametrize(
    "token",
    ["a.b.c", "..", "x" * (LONGEST + 1), "\x00", "ü.ü.ü", part([]) + "." + part([]) + ".",
     part({"alg": "HS256"}) + "." + "[" * 3000 + "."],
)  # fmt: skip
def test_what_is_none_is_refused(token: str) -> None:
    with pytest.raises(JwtInvalid):
        identities().read(token)


def test_refusals_tell_nothing_of_what_came() -> None:
    for token in (signed(OLD), signed(sub=..., name="Ann Secret"), "eyJ.secret.x"):
        with pytest.raises(JwtInvalid) as refused:
            identities().read(token)
        assert "secret.x" not in refused.value.message
        assert "Ann" not in refused.value.message
        assert refused.value.__cause__ is None
