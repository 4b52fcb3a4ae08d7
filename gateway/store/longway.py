"""The long way to the database: SQLAlchemy's session, for statements that are built anew.

What a session does around a transaction costs as much as a statement, so a transaction makes one
only if somebody asks for it. These are the session's own methods, of which it tells the rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Never, TypeVar, TypeVarTuple, cast, overload

from sqlalchemy import Executable, Result, ScalarResult
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import TypedReturnsRows

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Given = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class LongWay(ABC):
    """What `session` can be asked."""

    @property
    @abstractmethod
    def session(self) -> Session:
        """SQLAlchemy's session in this transaction."""

    @overload
    def execute(self, statement: TypedReturnsRows[*Ts], given: Given = None) -> Result[*Ts]: ...
    @overload
    def execute(self, statement: Executable, given: Given = None) -> Result[*tuple[Any, ...]]: ...
    def execute(self, statement: Executable, given: Given = None) -> Any:
        """Execute a statement; return its rows."""
        return self.session.execute(statement, given)

    # `Never`: as SQLAlchemy has it, for mypy.
    @overload
    def scalar(self, statement: TypedReturnsRows[Never], given: Given = None) -> Any | None: ...
    @overload
    def scalar(self, statement: TypedReturnsRows[T], given: Given = None) -> T | None: ...
    @overload
    def scalar(self, statement: Executable, given: Given = None) -> Any: ...
    def scalar(self, statement: Executable, given: Given = None) -> Any:
        """Execute a statement; return the first value of its first row, None if it has none."""
        return self.session.scalar(statement, cast(Any, given))

    @overload
    def scalars(self, statement: TypedReturnsRows[T], given: Given = None) -> ScalarResult[T]: ...
    @overload
    def scalars(self, statement: Executable, given: Given = None) -> ScalarResult[Any]: ...
    def scalars(self, statement: Executable, given: Given = None) -> ScalarResult[Any]:
        """Execute a statement; return the first value of each of its rows."""
        return self.session.scalars(statement, given)

    def add(self, new: object) -> None:
        """Write a new object's row, before the next commit or `flush`."""
        self.session.add(new)

    def flush(self) -> None:
        """Write what has been changed of objects. Raises DBAPIError."""
        self.session.flush()
