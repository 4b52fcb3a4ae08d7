"""A gateway that is served over real HTTP, by threads."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.api.house import House
from tests.services.processes import wait_until


class Served:
    """A house with an address."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.hub = house.parts.streams
        self._server = make_server("127.0.0.1", 0, house.app, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def let_go(self) -> None:
        """End every stream, and wait until nobody is left who reads."""
        for streams in list(self.hub._streams.values()):
            for stream in list(streams):
                self.hub.close(stream)
        wait_until(lambda: not self.hub._running, "the reader's end")

    def close(self) -> None:
        self.let_go()
        self._server.shutdown()
        self._server.server_close()
        self.house.parts.database.dispose()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@pytest.fixture
def served(migrated_url: str) -> Iterator[Served]:
    """Once on SQLite, once on PostgreSQL; without Redis."""
    served = Served(House(migrated_url))
    yield served
    served.close()


@pytest.fixture
def served_sqlite(migrated_sqlite_url: str) -> Iterator[Served]:
    """Where the database makes no difference."""
    served = Served(House(migrated_sqlite_url))
    yield served
    served.close()
