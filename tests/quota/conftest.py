from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.quota.opened import close_all


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    yield
    close_all()
