"""Plants faults: modules are changed on their way from the disk into this process."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import CodeType
from typing import Any

from tests.planted.faults import Edit

planted: set[str] = set()


class Planter(MetaPathFinder):
    """Finds the modules that have a fault, and gives each its changed source."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        self._edits: dict[str, list[Edit]] = defaultdict(list)
        for edit in edits:
            self._edits[edit.module].append(edit)

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name not in self._edits:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(name, spec.origin, self._edits[name])
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, edits: Sequence[Edit]) -> None:
        super().__init__(name, path)
        self._edits = edits

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_source(fullname)
        for edit in self._edits:
            if source.count(edit.old) != 1:
                raise ImportError(
                    f"a planted fault's place in {fullname} is not there:\n{edit.old}"
                )
            source = source.replace(edit.old, edit.new)
        planted.add(fullname)
        return compile(source, self.path, "exec", dont_inherit=True)


def plant(edits: Sequence[Edit]) -> None:
    """From now on, imports have these faults. Raises if one of the modules is imported already."""
    for edit in edits:
        if edit.module in sys.modules:
            raise RuntimeError(f"{edit.module} was imported before a fault could be planted")
    sys.meta_path.insert(0, Planter(edits))
