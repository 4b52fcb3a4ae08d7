"""The record of what was measured: the page is made of it, and every command in it exists."""

from pathlib import Path

import pytest

from bench import noted
from bench.__main__ import BENCHES
from bench.noted import Figure


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(noted, "RECORD", tmp_path / "measured.json")
    monkeypatch.setattr(noted, "PAGE", tmp_path / "measured.md")
    return tmp_path


def test_the_page_is_made_of_the_record() -> None:
    assert noted.PAGE.read_text(encoding="utf-8") == noted.page(noted.read())


def test_every_figure_says_where_it_is_from() -> None:
    for one in noted.read():
        assert one.command.startswith(f"python -m bench {one.bench}")
        assert one.bench in BENCHES
        assert all((one.taken_on, one.commit, one.machine, one.value, one.name)), one


def test_only_what_is_right_is_kept_and_the_newest_of_its_kind(elsewhere: Path) -> None:
    def run(value: str, status: int) -> int:
        with noted.on("postgresql"):
            noted.note("p99, ms", value, "under 10", False)
        noted.note("lost", "0")
        return status

    assert noted.kept("streams", ["--events", "5"], lambda: run("12", 0)) == 0
    assert noted.kept("streams", [], lambda: run("13", 0)) == 0
    assert noted.kept("streams", [], lambda: run("of a wrong run", 1)) == 1
    first, second = noted.read()
    assert (first.database, first.name, first.value, first.command) == (
        "postgresql", "p99, ms", "13", "python -m bench streams",
    )  # fmt: skip
    assert (second.database, second.name, second.reached) == ("sqlite", "lost", None)
    said = (elsewhere / "measured.md").read_text(encoding="utf-8")
    assert said == noted.page(noted.read())
    assert "| p99, ms | postgresql | 13 | **missed**: under 10 |" in said
    assert "of a wrong run" not in said


def test_kinds_stay_apart() -> None:
    old = Figure(bench="a", database="sqlite", name="x", value="1")
    new = Figure(bench="a", database="sqlite", name="x", value="2")
    other = Figure(bench="a", database="postgresql", name="x", value="3")
    assert noted.merged([old, other], [new]) == [other, new]
