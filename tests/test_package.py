"""The package holds the browser's scripts, whoever builds it, and nothing that built them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import hatch_build

ROOT = Path(__file__).parents[1]
WIDGET = "gateway/channels/webwidget"
CONSOLE = "gateway/console"


def run_hatchling(
    target: str, source: Path, folder: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=source, env=os.environ | environ, capture_output=True, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a release consists of, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    ran = run_hatchling("sdist", ROOT, folder)
    assert ran.returncode == 0, ran.stderr
    (packed,) = folder.glob("*.tar.gz")
    with tarfile.open(packed) as tar:
        tar.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    return unpacked


def test_a_release_becomes_a_wheel_without_npm(archive: Path, tmp_path: Path) -> None:
    ran = run_hatchling("wheel", archive, tmp_path, PATH="/nowhere")
    assert ran.returncode == 0, ran.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if name.startswith(WIDGET)]
    assert f"{WIDGET}/built/widget.js" in names
    assert any(name.startswith(f"{WIDGET}/built/app-") for name in names)
    assert f"{WIDGET}/routes/templates/widget_shop.html" in names
    assert [name for name in names if "/client/" in name] == []
    names = [name for name in zipfile.ZipFile(wheel).namelist() if name.startswith(CONSOLE)]
    assert any(name.startswith(f"{CONSOLE}/built/console-") for name in names)
    assert f"{CONSOLE}/templates/console/base.html" in names
    assert [name for name in names if "/client/" in name] == []
    built = {path.name: path.read_bytes() for path in (ROOT / WIDGET / "built").glob("*.js")}
    for name, content in built.items():
        assert zipfile.ZipFile(wheel).read(f"{WIDGET}/built/{name}") == content


def test_a_release_has_the_sources_and_nothing_installed(archive: Path) -> None:
    client = archive / WIDGET / "client"
    assert (client / "package-lock.json").exists()
    assert not (client / "node_modules").exists()
    assert hatch_build.is_built(archive)


def test_without_npm_it_is_said_what_to_do(archive: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(archive, source)
    (source / WIDGET / "client" / "build.mjs").write_text("changed")
    ran = run_hatchling("wheel", source, tmp_path, PATH="/nowhere")
    assert ran.returncode != 0
    assert "there is no npm on PATH" in ran.stderr
    assert "apt-get install npm" in ran.stderr
    assert not list(tmp_path.glob("*.whl"))


def test_what_is_built_is_of_these_sources() -> None:
    """`make` has built it; nothing here would be tested otherwise."""
    assert hatch_build.is_built(ROOT), "run `make setup`"


@pytest.mark.parametrize(
    ("touched", "is_built"),
    [("client/package.json", False), ("client/texts/en.json", False), ("built/notes", True)],
)  # fmt: skip
def test_changed_sources_are_built_anew(
    archive: Path, tmp_path: Path, touched: str, is_built: bool
) -> None:
    for room in (WIDGET, CONSOLE):
        shutil.copytree(archive / room, tmp_path / room)
    assert hatch_build.is_built(tmp_path)
    with (tmp_path / WIDGET / touched).open("a") as file:
        file.write(" ")
    assert hatch_build.is_built(tmp_path) is is_built


LOADER_BYTES, ALL_BYTES = 3_000, 20_000


def test_the_widget_stays_small() -> None:
    """Gzipped, as it goes over the wire: the loader, and everything."""
    sizes = {name: packed for name, _, packed in hatch_build.sizes(ROOT, hatch_build.WIDGET)}
    assert sizes["widget.js"] <= LOADER_BYTES, sizes
    assert sum(sizes.values()) <= ALL_BYTES, sizes
