"""An identity provider on this machine, over real HTTP: OpenID Connect as its pages say it is.

It shares nothing with the code under test: PyJWT signs, cryptography makes the keys, when the test
runs. It is as strict as a provider is, and as hostile as a test asks (`bend`, `header`, `sign`, …).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.clock import Clock

CLIENT_ID = "gateway-at-acme"
CLIENT_SECRET = "the client's secret: ü"  # latin-1, as HTTP's basic authentication has it
Claims = dict[str, Any]


class Key:
    """A signing key, made just now."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self.private = ec.generate_private_key(ec.SECP256R1())

    def public(self) -> Claims:
        told = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key()))
        return {**told, "kid": self.kid, "alg": "ES256", "use": "sig"}


@dataclass
class IdentityProvider:
    """Who somebody is, by `people`; what it answers, by the knobs below."""

    url: str
    clock: Clock
    people: dict[str, Claims] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=lambda: [Key("first")])
    metadata: Claims = field(default_factory=dict)
    id_token: Callable[[Claims], str] | None = None
    bend: Callable[[Claims], Claims] = lambda claims: claims
    header: Claims = field(default_factory=dict)
    userinfo: Claims | None = None
    token_answer: tuple[int, Any] | None = None
    broken: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)
    client_secrets: list[str] = field(default_factory=lambda: [CLIENT_SECRET])
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    # -- what a browser does there ---------------------------------------------------------------

    def continued(self, address: str, who: str, **more: str | None) -> dict[str, str]:
        """Somebody signs in at this address; the query with which the browser is sent back.

        `more` changes the answer: `state="x"`, `iss=None` (left out), `error="access_denied"`.
        """
        asked = dict(parse_qsl(urlsplit(address).query))
        assert address.startswith(f"{self.url}/authorize?"), address
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["code_challenge"]) == 43
        assert len(asked["state"]) == len(asked["nonce"]) == 43
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(24)
        self.codes[code] = {**asked, "who": who}
        answer: dict[str, str | None] = {
            "code": code, "state": asked["state"], "iss": self.url, **more
        }  # fmt: skip
        return {name: value for name, value in answer.items() if value is not None}

    # -- its doors ---------------------------------------------------------------------------------

    def document(self) -> Claims:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/end_session",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }

    def exchange(self, form: Mapping[str, str], authorization: str) -> tuple[int, Any]:
        """What a code is worth, once."""
        if self.token_answer is not None:
            return self.token_answer
        known = (f"{CLIENT_ID}:{secret}".encode("latin-1") for secret in self.client_secrets)
        if authorization not in [f"Basic {base64.b64encode(one).decode()}" for one in known]:
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        if (
            asked is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != asked["redirect_uri"]
            or challenge.rstrip(b"=").decode() != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant", "error_description": "a word for nobody"}
        access = secrets.token_urlsafe(16)
        now = int(self.clock.now().timestamp())
        half = hashlib.sha256(access.encode()).digest()[:16]
        claims = self.bend(
            {
                "iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300,
                "nonce": asked["nonce"],
                "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
                **self.people[asked["who"]],
            }
        )  # fmt: skip
        token = self.id_token(claims) if self.id_token is not None else self.sign(claims)
        return 200, {"access_token": access, "token_type": "Bearer", "id_token": token}

    def sign(self, claims: Claims, key: Key | None = None) -> str:
        key = key or self.keys[-1]
        headers = {"kid": key.kid, **self.header}
        return jwt.encode(claims, key.private, algorithm="ES256", headers=headers)


def person(subject: str, email: str | None = None, **more: Any) -> Claims:
    """What a provider says of somebody."""
    told = {"sub": subject, "name": subject.title()}
    if email is not None:
        told |= {"email": email, "email_verified": True}
    return {**told, **more}


@contextmanager
def identity_provider(clock: Clock) -> Iterator[IdentityProvider]:
    """A provider at a port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Door)
    server.daemon_threads = True
    server.provider = IdentityProvider(f"http://127.0.0.1:{server.server_port}", clock)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.provider  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Door(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...

    @property
    def provider(self) -> IdentityProvider:
        return self.server.provider  # type: ignore[attr-defined, no-any-return]

    def do_GET(self) -> None:
        it, parts = self.provider, urlsplit(self.path)
        it.asked.append(parts.path)
        query = dict(parse_qsl(parts.query))
        match parts.path:
            case path if path in it.broken:
                self._send(*it.broken[path])
            case "/.well-known/openid-configuration":
                self._json(200, it.document())
            case "/jwks":
                self._json(200, {"keys": [key.public() for key in it.keys]})
            case "/userinfo":
                self._json(200, it.userinfo or {})
            case "/favicon.ico":
                self._send(200, b"", {"Content-Type": "image/x-icon"})
            case "/authorize":
                self._page(it, query)
            case "/continue":
                told = it.continued(f"{it.url}/authorize?{query['asked']}", query["who"])
                back = dict(parse_qsl(query["asked"]))["redirect_uri"]
                self._send(303, b"", {"Location": f"{back}?{urlencode(told)}"})
            case "/end_session":
                self._send(303, b"", {"Location": query["post_logout_redirect_uri"]})
            case _:
                self._send(404, b"")

    def do_POST(self) -> None:
        it = self.provider
        it.asked.append(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path in it.broken:
            return self._send(*it.broken[self.path])
        form = dict(parse_qsl(body.decode()))
        return self._json(*it.exchange(form, self.headers.get("Authorization", "")))

    def _page(self, it: IdentityProvider, query: Mapping[str, str]) -> None:
        links = "".join(
            f'<p><a href="/continue?{urlencode({"who": who, "asked": urlencode(query)})}">'
            f"Continue as {who}</a></p>".replace("&", "&amp;")
            for who in it.people
        )
        page = f"<!doctype html><title>Acme ID</title><h1>Acme ID</h1>{links}"
        self._send(200, page.encode(), {"Content-Type": "text/html"})

    def _json(self, status: int, content: Any) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self._send(status, body, {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
