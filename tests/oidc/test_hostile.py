"""What a hostile provider, or whoever stands between, may answer: nobody comes in by it."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from sqlalchemy import delete, select

from gateway.clock import SystemClock
from gateway.oidc.attempts import LASTS_S
from gateway.oidc.documents import ANEW_S, AWAY_S, KEPT_S
from gateway.oidc.line import MOST_BYTES
from gateway.store import Transaction
from gateway.store.models import Operator, OperatorIdentity, PasswordGuess, Signin
from tests.oidc.house import ATTEMPT, VouchedHouse, trouble
from tests.services.identity_provider import (
    CLIENT_ID,
    Claims,
    IdentityProvider,
    Key,
    identity_provider,
    person,
)

HOME = "/console/human-agents"
EMAIL = "operator@acme.test"
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture(scope="module")
def shared(
    _migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VouchedHouse]:
    path = tmp_path_factory.mktemp("hostile") / "gateway.db"
    with (
        sqlite3.connect(_migrated_sqlite) as template,
        sqlite3.connect(path) as copy,
        identity_provider(SystemClock()) as provider,
    ):
        template.backup(copy)
        house = VouchedHouse(f"sqlite:///{path}", provider, unknown_people="operator")
        yield house
        house.parts.database.dispose()


@pytest.fixture
def house(shared: VouchedHouse) -> VouchedHouse:
    """A gateway into which nobody has come, and which has asked nothing of its provider."""

    def forget(db: Transaction) -> None:
        for table in (Signin, OperatorIdentity, PasswordGuess):
            db.execute(delete(table))
        db.execute(delete(Operator).where(Operator.id.not_in(shared.ids.values())))

    shared.database.write(forget)
    shared.clock.advance(KEPT_S + 1)
    return shared


@pytest.fixture
def provider(house: VouchedHouse) -> IdentityProvider:
    """Its provider, with nothing changed yet."""
    it = house.provider
    fresh = IdentityProvider(it.url, house.clock, people={"ann": person("sub-ann", EMAIL)})
    vars(it).update(vars(fresh))
    return it


@pytest.fixture(autouse=True)
def _fresh(provider: IdentityProvider) -> None: ...


def untouched(house: VouchedHouse) -> None:
    with house.database.read() as db:
        assert db.scalars(select(Signin.id)).all() == []
        assert db.scalars(select(OperatorIdentity.subject)).all() == []
        assert len(db.scalars(select(Operator.id)).all()) == 3


def without(name: str) -> Callable[[Claims], Claims]:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def having(**more: Any) -> Callable[[Claims], Claims]:
    return lambda claims: {**claims, **more}


def later(seconds: int, *names: str) -> Callable[[Claims], Claims]:
    return lambda claims: {**claims, **{name: claims[name] + seconds for name in names}}


@pytest.mark.parametrize(
    "bend",
    [
        pytest.param(having(nonce="another"), id="wrong nonce"),
        pytest.param(without("nonce"), id="no nonce"),
        pytest.param(having(aud="another-client"), id="other audience"),
        pytest.param(having(aud=[]), id="no audience"),
        pytest.param(having(aud=["another", CLIENT_ID]), id="two audiences, no azp"),
        pytest.param(having(azp="another-client"), id="for another party"),
        pytest.param(having(iss="https://evil.test"), id="other issuer"),
        pytest.param(without("iss"), id="no issuer"),
        pytest.param(later(-400, "exp"), id="expired"),
        pytest.param(having(exp="never"), id="no time"),
        pytest.param(having(exp=float("inf")), id="for ever"),
        pytest.param(without("exp"), id="without an end"),
        pytest.param(later(3_600, "iat", "exp"), id="of tomorrow"),
        pytest.param(having(nbf=2**40), id="not yet"),
        pytest.param(having(sub=""), id="nobody"),
        pytest.param(having(sub=17), id="a number"),
        pytest.param(having(sub=None), id="null"),
        pytest.param(having(sub="a\x00b"), id="nul"),
        pytest.param(having(sub="\ud800"), id="half a pair"),
        pytest.param(having(sub="x" * 256), id="long"),
        pytest.param(having(at_hash="AAAA"), id="another access token"),
        pytest.param(having(aud={"a": 1}), id="a strange audience"),
        pytest.param(having(auth_time="x", amr="y"), id="strange claims"),
    ],
)
def test_claims_that_do_not_hold(
    house: VouchedHouse, provider: IdentityProvider, bend: Callable[[Claims], Claims]
) -> None:
    provider.bend = bend
    assert trouble(house.sign_in("ann")) == "not_vouched"
    untouched(house)


def unsigned(claims: Claims) -> str:
    return jwt.encode(claims, None, algorithm="none")


def by_another(claims: Claims) -> str:
    key = Key("first")  # the name is right, the key is not
    return jwt.encode(claims, key.private, algorithm="ES256", headers={"kid": "first"})


def with_the_secret(claims: Claims) -> str:
    return jwt.encode(claims, "s" * 32, algorithm="HS256", headers={"kid": "first"})


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(unsigned, id="alg none"),
        pytest.param(lambda claims: unsigned(claims) + "AAAA", id="alg none, a signature"),
        pytest.param(by_another, id="another key"),
        pytest.param(with_the_secret, id="a shared secret"),
        pytest.param(lambda claims: "", id="empty"),
        pytest.param(lambda claims: "a.b.c", id="no token"),
        pytest.param(lambda claims: None, id="null"),
        pytest.param(lambda claims: ["x"], id="a list"),
        pytest.param(lambda claims: "x" * 70_000, id="large"),
        pytest.param(lambda claims: "é.é.é", id="letters"),
    ],
)
def test_tokens_that_nobody_signed(
    house: VouchedHouse, provider: IdentityProvider, token: Callable[[Claims], str]
) -> None:
    provider.id_token = token
    assert trouble(house.sign_in("ann")) == "not_vouched"
    untouched(house)


def test_our_public_key_is_no_secret(house: VouchedHouse, provider: IdentityProvider) -> None:
    """HS256 with the provider's public key as its secret: the oldest trick."""
    public = provider.keys[0].private.public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def forge(claims: Claims) -> str:
        import base64
        import hmac

        def part(value: Any) -> bytes:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

        said = part({"alg": "HS256", "kid": "first"}) + b"." + part(claims)
        mark = base64.urlsafe_b64encode(hmac.digest(pem, said, "sha256")).rstrip(b"=")
        return (said + b"." + mark).decode()

    provider.id_token = forge
    assert trouble(house.sign_in("ann")) == "not_vouched"
    untouched(house)


@pytest.mark.parametrize(
    "header",
    [{"crit": ["x"]}, {"jku": "http://127.0.0.1:1/"}, {"kid": "another"}, {"kid": ""}],
    ids=str,
)
def test_headers_lead_nowhere(
    house: VouchedHouse, provider: IdentityProvider, header: Claims
) -> None:
    provider.header = header
    if "kid" in header:
        provider.id_token = lambda claims: jwt.encode(
            claims, Key("x").private, algorithm="ES256", headers=header
        )
    answer = house.sign_in("ann")
    if "jku" in header:  # a stranger's address for keys is not asked
        assert answer.headers["Location"] == HOME
    else:
        assert trouble(answer) == "not_vouched"
        untouched(house)


# -- the way back ---------------------------------------------------------------------------------


def test_another_providers_answer_is_mixed_in(house: VouchedHouse) -> None:
    for iss in ("https://evil.test", "", None):
        asked = len(house.provider.codes)
        assert trouble(house.sign_in("ann", iss=iss)) == "not_vouched"
        assert len(house.provider.codes) == asked + 1  # the code was shown to nobody
    house.provider.metadata = {"authorization_response_iss_parameter_supported": False}
    house.clock.advance(KEPT_S + 1)
    assert house.sign_in("ann", iss=None).headers["Location"] == HOME


def test_an_answer_belongs_to_one_browser(house: VouchedHouse) -> None:
    mine, theirs = house.stranger(), house.stranger()
    query = house.provider.continued(house.begin(mine), "ann")
    assert trouble(house.back(theirs, query)) == "not_vouched"  # nothing was begun there
    house.begin(theirs)
    assert trouble(house.back(theirs, query)) == "not_vouched"
    untouched(house)
    assert house.back(mine, query).headers["Location"] == HOME
    assert trouble(house.back(mine, query)) == "not_vouched"  # once


@pytest.mark.parametrize("state", ["", "x", "A" * 43, "é", None])
def test_the_state_is_the_browsers(house: VouchedHouse, state: str | None) -> None:
    assert trouble(house.sign_in("ann", state=state)) == "not_vouched"
    untouched(house)


def test_the_browsers_word_cannot_be_changed(house: VouchedHouse) -> None:
    for bent in ("", "x", "é", "a.b.c", "{}.ffffffffffff.", "{}.0."):
        browser = house.stranger()
        query = house.provider.continued(house.begin(browser), "ann")
        word = bent.format(browser.cookie(ATTEMPT).partition(".")[0])
        browser.client.set_cookie(ATTEMPT, word, domain="gateway.acme.test", secure=True)
        assert trouble(house.back(browser, query)) == "not_vouched", bent
    untouched(house)


def test_it_may_not_take_for_ever(house: VouchedHouse) -> None:
    browser = house.stranger()
    query = house.provider.continued(house.begin(browser), "ann")
    house.clock.advance(LASTS_S + 61)
    assert trouble(house.back(browser, query)) == "not_vouched"
    untouched(house)


def test_a_code_without_our_verifier_is_worth_nothing(house: VouchedHouse) -> None:
    """A stolen code, brought to another browser's sign-in."""
    thief = house.stranger()
    stolen = house.provider.continued(house.begin(house.stranger()), "ann")["code"]
    query = house.provider.continued(house.begin(thief), "ann")
    assert trouble(house.back(thief, {**query, "code": stolen})) == "not_vouched"
    untouched(house)


@pytest.mark.parametrize("code", ["", "x" * 5_000, "unknown", "é\x00"])
def test_codes_that_are_none(house: VouchedHouse, code: str) -> None:
    assert trouble(house.sign_in("ann", code=code)) == "not_vouched"


def test_the_provider_says_no(house: VouchedHouse) -> None:
    answer = house.sign_in("ann", error="access_denied", error_description="<b>evil</b>", code=None)
    assert trouble(answer) == "denied"
    untouched(house)


# -- its documents --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        {DISCOVERY: (500, b"")},
        {DISCOVERY: (302, b"")},
        {DISCOVERY: (200, b"<html>")},
        {DISCOVERY: (200, b"[]")},
        {DISCOVERY: (200, b"{}")},
        {DISCOVERY: (200, b"[" * 100_000)},
        {DISCOVERY: (200, b" " * (MOST_BYTES + 1))},
    ],
    ids=lambda broken: str(broken)[:70],
)
def test_a_discovery_that_is_none(
    house: VouchedHouse, provider: IdentityProvider, broken: dict[str, Any]
) -> None:
    provider.broken = broken
    answer = house.stranger().ask("GET", "/console/login/oidc")
    assert trouble(answer) == "away"


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.test"},
        {"issuer": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": ["x"]},
    ],
    ids=str,
)
def test_doors_that_are_none(
    house: VouchedHouse, provider: IdentityProvider, metadata: Claims
) -> None:
    provider.metadata = metadata
    assert trouble(house.stranger().ask("GET", "/console/login/oidc")) == "away"


@pytest.mark.parametrize(
    "broken",
    [
        {"/jwks": (200, b'{"keys": []}')},
        {"/jwks": (200, b'{"keys": [{"kty": "oct", "k": "AAAA", "kid": "first"}, 7, {}]}')},
        {"/jwks": (503, b"")},
        {"/token": (500, b"")},
        {"/token": (200, b"[]")},
        {"/token": (200, b"<html>")},
        {"/token": (307, b"")},
        {"/token": (401, b'{"error": "invalid_client"}')},
    ],
    ids=str,
)
def test_a_provider_that_does_not_work(
    house: VouchedHouse, provider: IdentityProvider, broken: dict[str, Any]
) -> None:
    provider.broken = broken
    assert trouble(house.sign_in("ann")) == "away"
    untouched(house)


def test_documents_are_kept_and_not_for_ever(
    house: VouchedHouse, provider: IdentityProvider
) -> None:
    for _ in range(3):
        house.sign_in("ann")
    assert provider.asked.count(DISCOVERY) == provider.asked.count("/jwks") == 1
    house.clock.advance(KEPT_S + 1)
    house.sign_in("ann")
    assert provider.asked.count(DISCOVERY) == provider.asked.count("/jwks") == 2


def test_new_keys_are_found_and_not_asked_for_at_every_call(
    house: VouchedHouse, provider: IdentityProvider
) -> None:
    house.sign_in("ann")
    provider.keys.append(Key("second"))
    assert trouble(house.sign_in("ann")) == "not_vouched"  # asked just now
    assert provider.asked.count("/jwks") == 1
    house.clock.advance(ANEW_S + 1)
    assert house.sign_in("ann").headers["Location"] == HOME
    assert provider.asked.count("/jwks") == 2


def test_who_is_away_is_not_asked_by_a_crowd(
    house: VouchedHouse, provider: IdentityProvider
) -> None:
    provider.broken = {DISCOVERY: (503, b"")}
    for _ in range(20):
        assert trouble(house.stranger().ask("GET", "/console/login/oidc")) == "away"
    assert provider.asked.count(DISCOVERY) == 1
    provider.broken = {}
    house.clock.advance(AWAY_S + 1)
    assert house.sign_in("ann").headers["Location"] == HOME


def test_a_provider_that_does_not_answer_is_left_at_the_deadline(
    house: VouchedHouse, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.begin(house.stranger())
    monkeypatch.setattr("gateway.oidc.provider.DEADLINE_S", 0.3)
    over = threading.Event()

    def wait(claims: Claims) -> str:
        over.wait(30)
        return ""

    provider.id_token = wait
    began = time.monotonic()
    assert trouble(house.sign_in("ann")) == "away"
    assert time.monotonic() - began < 20
    over.set()
    untouched(house)


def test_secrets_are_in_no_log(
    house: VouchedHouse, provider: IdentityProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    house.sign_in("ann")
    provider.broken = {"/token": (401, b'{"error": "invalid_client"}')}
    query = house.provider.continued(house.begin(house.stranger()), "ann")
    house.sign_in("ann")
    provider.broken = {}
    provider.bend = having(nonce="another")
    house.sign_in("ann")
    said = capsys.readouterr()
    for secret in ("client's secret", query["code"], query["state"], "operator@acme.test"):
        assert secret not in said.out + said.err
