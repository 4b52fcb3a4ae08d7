"""The embedded Valkey answers on a socket in the data folder, or in a temporary one."""

import subprocess
import tempfile
from pathlib import Path

import pytest
import redis

from gateway.embedded import LONGEST_SOCKET_PATH, EmbeddedValkey, embedded_valkey
from tests.services.processes import wait_until


def check_that_it_works(valkey: EmbeddedValkey) -> None:
    child = valkey.child()
    assert child.ready is not None
    assert not child.ready()
    process = subprocess.Popen(child.argv)
    try:
        wait_until(child.ready, "an answer to PING")
        with redis.Redis.from_url(valkey.url) as client:
            assert client.set("x", 1)
            assert client.config_get("appendonly") == {"appendonly": "no"}
    finally:
        process.terminate()
        process.wait()


def test_its_socket_is_in_the_data_folder() -> None:
    # pytest's own folders may be too long already.
    with tempfile.TemporaryDirectory() as folder, embedded_valkey(Path(folder) / "data") as valkey:
        assert valkey.url == f"unix://{folder}/data/valkey.sock"
        check_that_it_works(valkey)


def test_a_long_path_falls_back_to_a_temporary_folder(tmp_path: Path) -> None:
    long = tmp_path / ("x" * LONGEST_SOCKET_PATH)
    with embedded_valkey(long) as valkey:
        assert long.is_dir()
        assert len(str(valkey.socket)) <= LONGEST_SOCKET_PATH
        assert valkey.socket.parent.stat().st_mode & 0o777 == 0o700
        check_that_it_works(valkey)
    assert not valkey.socket.parent.exists()


def test_a_long_temporary_folder_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("t" * 80)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with embedded_valkey(tmp_path / ("d" * 100)) as valkey:
        assert len(str(valkey.socket)) <= 100
        assert valkey.socket.parent.is_dir()
    assert not valkey.socket.parent.exists()
    assert list(long.iterdir()) == []
