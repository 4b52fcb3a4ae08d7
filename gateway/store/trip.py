"""What travels to PostgreSQL, and how it fails: of psycopg's kinds, which need not be loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg
    from psycopg.pq.abc import PGresult


class Failed(Exception):
    """A statement of a trip failed: `sql` says which, `cause` how, in psycopg's words."""

    def __init__(self, sql: str, cause: psycopg.Error) -> None:
        super().__init__(str(cause))
        self.sql = sql
        self.cause = cause


@dataclass(slots=True, eq=False)
class Sent:
    """A statement that travels with the next trip; `result` is there afterwards."""

    sql: str
    values: Sequence[bytes | None]
    formats: Sequence[int] | None
    result: PGresult | None = None
