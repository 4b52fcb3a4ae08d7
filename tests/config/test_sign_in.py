"""`[sign_in]`: what is taken, and what is told of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Settings, load_settings
from gateway.errors import ConfigError

WHOLE = """
[sign_in.oidc]
name = "Acme ID"
issuer = "https://id.acme.example/"
client_id = "gateway"
"""


def loaded(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings({"GATEWAY_DATA_DIR": str(tmp_path), "S": "a secret"}, path)


def test_an_issuer_stays_as_it_is_spelled(tmp_path: Path) -> None:
    more = 'client_secret = "${S}"\nallowed_domains = ["Acme.example"]\n'
    settings = loaded(tmp_path, WHOLE + more)
    oidc = settings.sign_in.oidc
    assert oidc is not None
    assert oidc.issuer == "https://id.acme.example/"
    assert oidc.allowed_domains == ("acme.example",)
    assert "a secret" not in repr(settings)
    assert settings.sign_in.passwords
    assert loaded(tmp_path, "").sign_in.oidc is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[sign_in]\npasswords = false", "sign_in.passwords: is false, and nobody could come in"),
        ("[sign_in.oidc]", "sign_in.oidc.issuer: is missing"),
        (WHOLE.replace("https", "http"), "sign_in.oidc.issuer: must begin with https://"),
        (WHOLE.replace("example/", "example/?a=b"), "sign_in.oidc.issuer: must be an address"),
        (WHOLE + 'scopes = ["email"]', 'sign_in.oidc.scopes: must hold "openid"'),
        (WHOLE + 'role_claim = "groups"', "sign_in.oidc.roles: is missing"),
        (WHOLE + 'roles = { a = "admin" }', "sign_in.oidc.role_claim: is missing"),
        (WHOLE + 'role_claim = "a"\nroles = { a = "boss" }', "must be one of"),
        (WHOLE + 'allowed_domains = ["a@b.example"]', "must be a domain"),
        (WHOLE + 'unknown_people = "admin"', "sign_in.oidc.unknown_people: must be one of"),
        (WHOLE + 'client_secrt = "x"', 'did you mean "client_secret"?'),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, text)
    assert problem in str(error.value)


def test_this_machine_may_do_without_tls(tmp_path: Path) -> None:
    text = WHOLE.replace("https://id.acme.example/", "http://127.0.0.1:9000")
    assert loaded(tmp_path, text).sign_in.oidc is not None
