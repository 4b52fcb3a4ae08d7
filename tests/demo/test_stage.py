"""The demo's set-up: its settings hold, its folder is its own, its ports are free."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.config import IntercomSettings, load_settings
from gateway.demo.stage import CHANNEL, INBOX_PORT, OPERATOR, TEAMMATE_ADMIN, stage
from gateway.errors import ConfigError
from gateway.instance import only_instance
from gateway.people import operators
from gateway.store import Database
from gateway.wiring import build


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_its_settings_are_what_its_processes_are_started_with() -> None:
    mine = {"PATH": "/usr/bin", "GATEWAY_REDIS_URL": "redis://elsewhere", "HOME": "/nowhere"}
    with stage(mine, 0, 0) as made:
        settings = load_settings(made.environ)
        build(settings).database.dispose()
        channel = settings.channels[CHANNEL]
        assert isinstance(channel, IntercomSettings)
        assert channel.base_url == made.inbox_url
        assert settings.public_url == made.gateway_url
        assert settings.redis_url is None  # not the one of whoever tries the demo
        assert settings.data_dir == made.folder
        ((standin,), (gateway,)) = made.children()
        assert f"{made.gateway_url}/webhooks/{CHANNEL}" in standin.argv
        assert channel.access_token in standin.argv
        assert channel.client_secret[0] in standin.argv
        assert gateway.argv[-3:] == ["up", "--port", made.gateway_url.rpartition(":")[2]]
    assert not made.folder.exists()


def test_its_token_acts_as_the_linked_operator() -> None:
    with stage({"HOME": "/nowhere"}, 0, 0) as made:
        database = Database(f"sqlite:///{made.folder / 'gateway.db'}")
        with database.read() as db:
            person = operators.authenticate(db, made.token)
        database.dispose()
        assert (person.email, person.role) == (OPERATOR, "admin")
        assert person.links == {CHANNEL: TEAMMATE_ADMIN}
        assert made.token not in repr(made)


def test_a_named_folder_is_made_anew_and_kept(tmp_path: Path) -> None:
    environ = {"GATEWAY_DATA_DIR": str(tmp_path)}
    with stage(environ, 0, 0) as made:
        assert made.folder == tmp_path / "demo"
        (made.folder / "left").mkdir()
        (made.folder / "left" / "over").touch()
    assert (made.folder / "gateway.toml").exists()
    with stage(environ, 0, 0):
        assert not (made.folder / "left").exists()


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.txt").write_text("years of work")
    with (
        pytest.raises(ConfigError, match="holds files of others"),
        stage({"GATEWAY_DATA_DIR": str(tmp_path)}, 0, 0),
    ):
        pass
    assert (tmp_path / "demo" / "thesis.txt").read_text() == "years of work"


def test_a_running_demo_is_not_emptied(tmp_path: Path) -> None:
    environ = {"GATEWAY_DATA_DIR": str(tmp_path)}
    with stage(environ, 0, 0) as made:
        with only_instance(made.folder) as instance:
            instance.tell("unix:///somewhere")
            with pytest.raises(ConfigError, match="a demo is running"), stage(environ, 0, 0):
                pass
        assert (made.folder / "gateway.toml").exists()


def test_a_port_that_was_asked_for_must_be_free() -> None:
    with (
        taken_port() as taken,
        pytest.raises(ConfigError, match=rf"--port: {taken} is taken"),
        stage({"HOME": "/nowhere"}, taken, 0),
    ):
        pass


def test_the_usual_port_is_left_for_a_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with taken_port() as taken:
        monkeypatch.setattr("gateway.demo.stage.INBOX_PORT", taken)
        with stage({"HOME": "/nowhere"}, 0, None) as made:
            assert made.inbox_url != f"http://127.0.0.1:{taken}"
            assert made.inbox_url != f"http://127.0.0.1:{INBOX_PORT}"
