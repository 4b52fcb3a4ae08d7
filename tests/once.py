"""What every app would make anew is made once: its templates' code, and that of its rules.

Each test has an app of its own, and these two were half of what it costs to make and to use one.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
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
    """A rule that compiles how addresses are built of it only if no other app has the same."""

    _builders: dict[Any, Callable[..., tuple[str, str]]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        # Defaults are written into the code as they are; whatever else differs is in the trace.
        if self.defaults:
            return super()._compile_builder(append_unknown)
        key = (self.rule, tuple(self._trace), append_unknown)
        known = self._builders.get(key)
        if known is None:
            known = self._builders[key] = super()._compile_builder(append_unknown)
        return known


def install() -> None:
    """Let apps that are made from now on share it."""
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Templates()}
    Flask.url_rule_class = OnceCompiled
