"""`python -m fuzz TARGET`: let atheris throw bytes at a target for a while."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Run one target until its time is over, or something is found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", choices=("config", "markup", "signature", "translate", "widget"))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", type=Path, help="a file that was found: run it alone")
    chosen = parser.parse_args()
    import atheris

    # What is imported here is watched: which way the code went decides what is tried next.
    with atheris.instrument_imports(include=["gateway"]):
        if chosen.target == "widget":
            import tests.channels.webwidget.site  # noqa: F401
        from fuzz import targets
    targets.silence()
    target = targets.TARGETS[chosen.target]
    if chosen.again is not None:
        target(chosen.again.read_bytes())
        print("it holds")
        return
    found = Path("build") / "fuzz" / chosen.target
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gateway-fuzz-seeds-") as folder:
        for number, seed in enumerate(targets.seeds(chosen.target)):
            (Path(folder) / f"{number:04d}").write_bytes(seed)
        arguments = [
            sys.argv[0],
            f"-max_total_time={chosen.seconds}",
            f"-seed={chosen.seed}",
            f"-artifact_prefix={found}/",
            "-max_len=65536",
            "-timeout=20",
            "-rss_limit_mb=4096",
            folder,
        ]
        atheris.Setup(arguments, target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
