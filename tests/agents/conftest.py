"""What the tests of agents share."""

from collections.abc import Iterator

import pytest
import responses


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """A web without sockets; every answer that is prepared must be asked for."""
    with responses.RequestsMock() as mock:
        yield mock
