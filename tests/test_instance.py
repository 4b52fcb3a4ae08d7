"""One `gateway up` per data folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.instance import RunningUp, find_running, only_instance

HOLDER = """
import pathlib, sys, time
from gateway.instance import only_instance
with only_instance(pathlib.Path(sys.argv[1])) as instance:
    instance.tell("unix:///somewhere/valkey.sock")
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_second_is_refused_and_told_who_is_the_first(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(ConfigError, match=rf"another gateway .* \(process {holder.pid}\)"),
            only_instance(tmp_path),
        ):
            pass
        assert find_running(tmp_path) == RunningUp(
            pid=holder.pid, redis_url="unix:///somewhere/valkey.sock"
        )
        holder.kill()
        holder.wait()
    assert find_running(tmp_path) is None
    with only_instance(tmp_path):
        pass


def test_the_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert find_running(folder) is None
    for _ in range(2):
        with only_instance(folder):
            assert find_running(folder) is None  # it has told nothing yet
    assert find_running(folder) is None
