"""What a comparison does on each of the databases: a folder, a heading, a measurement."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import machine, noted
from bench.servers import KINDS, Ground, ground


@contextmanager
def folders(options: argparse.Namespace) -> Iterator[list[tuple[str, Path]]]:
    """Describe the machine; give a folder for each database that was asked for (`--database`).

    They lie in `--folder`, and are removed in the end.
    """
    folder = Path(tempfile.mkdtemp(prefix="gw-bench-", dir=options.folder))
    try:
        print("\n".join(machine.describe(folder)))
        kinds = [options.database] if options.database else KINDS
        for kind in kinds:
            (folder / kind).mkdir()
        yield [(kind, folder / kind) for kind in kinds]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def on_each(
    options: argparse.Namespace,
    conditions: str,
    measure: Callable[[Ground, argparse.Namespace], bool],
) -> bool:
    """Measure on a fresh database of each kind, under a heading; True if all was right."""
    right = True
    with folders(options) as prepared:
        for kind, folder in prepared:
            print(f"\n{kind}{conditions}")
            with noted.on(kind), ground(kind, folder) as place:
                right &= measure(place, options)
    return right
