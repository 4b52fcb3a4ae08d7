"""What every app and every database would make anew is made once: the code of templates, of rules,
and of statements.

Each test has an app and a database of its own, and these were half of what it costs to make and to
use them.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule


class Templates(BytecodeCache):
    """Compiled templates, by their file and content."""

    def __init__(self) -> None:
        self._compiled: dict[str, CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give what is known of it."""
        bucket.code = self._compiled.get(f"{bucket.key}:{bucket.checksum}")

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Remember it."""
        if bucket.code is not None:
            self._compiled[f"{bucket.key}:{bucket.checksum}"] = bucket.code


class OnceCompiled(Rule):
    """A rule that is read, and compiled, only if no other app has the same."""

    _read: dict[Any, tuple[Any, ...]] = {}
    _builders: dict[Any, Callable[..., tuple[str, str]]] = {}

    def compile(self) -> None:
        key = (self.rule, self.subdomain, self.merge_slashes)
        known = self._read.get(key)
        if known is None or self.host:
            super().compile()
            self._read[key] = (self._parts, self._trace, self._converters, self.arguments)
            return
        self._parts, self._trace, self._converters, arguments = known
        self.arguments = {*arguments, *(self.defaults or ())}
        self._build = self._compile_builder(False).__get__(self, None)
        self._build_unknown = self._compile_builder(True).__get__(self, None)

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        # Defaults are written into the code as they are; whatever else differs is in the trace.
        if self.defaults:
            return super()._compile_builder(append_unknown)
        key = (self.rule, tuple(self._trace), append_unknown)
        known = self._builders.get(key)
        if known is None:
            known = self._builders[key] = super()._compile_builder(append_unknown)
        return known


_statements: LRUCache[Any, Any] = LRUCache(2_000)


def _kind(dialect: DefaultDialect) -> tuple[Any, ...]:
    """What a compiled statement depends on."""
    ways = (dialect._json_serializer, dialect._json_deserializer)  # type: ignore[attr-defined]
    return (type(dialect), dialect.server_version_info, *ways)


def _share(dialect: type[DefaultDialect]) -> None:
    """Statements are kept by their dialect, and each engine has one: equal ones are one."""

    def is_equal(self: DefaultDialect, other: object) -> bool:
        return isinstance(other, dialect) and _kind(self) == _kind(other)

    dialect.__eq__ = is_equal  # type: ignore[method-assign, assignment]
    dialect.__hash__ = lambda self: hash(dialect)  # type: ignore[method-assign]


def _share_statements() -> None:
    shared = property(lambda _: _statements, lambda _engine, _its_own: None)
    Engine._compiled_cache = shared  # type: ignore[assignment]
    _share(SQLiteDialect_pysqlite)
    _share(PGDialect_psycopg)


def install() -> None:
    """Let apps and databases that are made from now on share it."""
    _share_statements()
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Templates()}
    Flask.url_rule_class = OnceCompiled
