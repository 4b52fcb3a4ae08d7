"""An identity provider, and gateways beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.clock import SystemClock
from tests.oidc.house import VouchedHouse
from tests.services.identity_provider import IdentityProvider, identity_provider, person


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider(SystemClock()) as it:
        it.people = {
            "ann": person("sub-ann", "operator@acme.test", name="Ann"),
            "ada": person("sub-ada", "admin@acme.test"),
            "stranger": person("sub-stranger", "New@Acme.test", name="New Person"),
            "nameless": person("sub-nameless"),
        }
        yield it


@pytest.fixture
def make(migrated_url: str, provider: IdentityProvider) -> Iterator[Callable[..., VouchedHouse]]:
    """A gateway on SQLite, and on PostgreSQL, with these settings."""
    yield from _making(migrated_url, provider)


@pytest.fixture
def make_one(
    migrated_sqlite_url: str, provider: IdentityProvider
) -> Iterator[Callable[..., VouchedHouse]]:
    """A gateway on SQLite, for what no database decides."""
    yield from _making(migrated_sqlite_url, provider)


def _making(url: str, provider: IdentityProvider) -> Iterator[Callable[..., VouchedHouse]]:
    made: list[VouchedHouse] = []

    def make(**more: Any) -> VouchedHouse:
        made.append(VouchedHouse(url, provider, **more))
        return made[-1]

    yield make
    for house in made:
        house.parts.database.dispose()
