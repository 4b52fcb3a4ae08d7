"""What a provider publishes: where its doors are, and the keys that sign. Read seldom, kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from authlib.oidc.discovery import get_well_known_url
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from gateway.clock import Clock
from gateway.config.kinds import address_problem
from gateway.errors import Again
from gateway.oidc.line import Line
from gateway.oidc.refusals import ProviderAway

KEPT_S = 3_600
ANEW_S = 60
"""A token that names a key we do not know may make us ask again, but not more often than this."""
AWAY_S = 5
"""So long nobody asks again after it failed: a crowd at our door must not become one at theirs."""
_MOST_KEYS = 100
_KINDS: Mapping[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where a provider is asked what; `auth_method` is how we say who we are."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    end_session: str | None
    auth_methods: tuple[str, ...]
    names_issuer: bool


class Documents:
    """A provider's documents. Threads may share them."""

    def __init__(self, issuer: str, line: Line, clock: Clock) -> None:
        self._issuer = issuer
        self._line = line
        self._clock = clock
        self._one_at_a_time = threading.Lock()
        self._doors: tuple[float, Doors] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._failed: tuple[float, ProviderAway] | None = None

    def doors(self) -> Doors:
        """Where the doors are; raise ProviderAway."""
        with self._one_at_a_time:
            now = self._now()
            if self._doors is None or now - self._doors[0] >= KEPT_S:
                self._doors = (now, self._read(self._read_doors))
            return self._doors[1]

    def keys(self, *, unknown: bool = False) -> KeySet:
        """The keys that sign; raise ProviderAway. `unknown`: a token names none of them."""
        address = self.doors().keys
        with self._one_at_a_time:
            now = self._now()
            lasts_s = ANEW_S if unknown else KEPT_S
            if self._keys is None or now - self._keys[0] >= lasts_s:
                self._keys = (now, self._read(lambda: self._read_keys(address)))
            return self._keys[1]

    def _read(self, read: Callable[[], T]) -> T:
        now = self._now()
        if self._failed is not None and now - self._failed[0] < AWAY_S:
            raise ProviderAway(self._failed[1].message)
        try:
            found = read()
        except Again as error:
            away = ProviderAway(error.message)
            self._failed = (now, away)
            raise away from None
        self._failed = None
        return found

    def _read_doors(self) -> Doors:
        said = self._line.get(get_well_known_url(self._issuer, external=True))
        if said.get("issuer") != self._issuer:
            raise ProviderAway("its discovery document names another issuer")
        methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Doors(
            authorization=self._door(said, "authorization_endpoint"),
            token=self._door(said, "token_endpoint"),
            keys=self._door(said, "jwks_uri"),
            userinfo=self._door(said, "userinfo_endpoint") if "userinfo_endpoint" in said else None,
            end_session=(
                self._door(said, "end_session_endpoint") if "end_session_endpoint" in said else None
            ),
            auth_methods=tuple(methods) if isinstance(methods, list) else (),
            names_issuer=said.get("authorization_response_iss_parameter_supported") is True,
        )

    def _door(self, said: Mapping[str, Any], name: str) -> str:
        """An address of the document; as well protected as the issuer's own."""
        address = said.get(name)
        scheme = urlsplit(self._issuer).scheme
        schemes = ("https",) if scheme == "https" else ("http", "https")
        if not isinstance(address, str) or address_problem(address, schemes) is not None:
            raise ProviderAway(f"its discovery document has no usable {name}")
        return address

    def _read_keys(self, address: str) -> KeySet:
        told = self._line.get(address).get("keys")
        found: list[RSAKey | ECKey] = []
        for one in told[:_MOST_KEYS] if isinstance(told, list) else []:
            # Never a shared secret: what is published signs nothing.
            kind = _KINDS.get(str(one.get("kty"))) if isinstance(one, dict) else None
            if kind is None:
                continue
            try:
                found.append(kind.import_key(one))
            except (JoseError, ValueError, TypeError, KeyError):
                continue  # broken: others may do
        if not found:
            raise ProviderAway("it publishes no keys that can be used")
        return KeySet(list(found))

    def _now(self) -> float:
        return self._clock.now().timestamp()
