"""The command itself: its help, its speed, how it says what is wrong."""

import json
import subprocess
import sys

import click
import pytest

from gateway import __version__
from gateway.cli import main
from tests.cli.conftest import Gateway

CONTRACT = (
    *("up", "web", "worker", "scheduler", "operators", "tokens", "migrate", "doctor", "replay"),
    *("sync", "demo", "teams", "installations", "backup", "restore"),
)
# What takes long to import, and would make every call of the command wait.
SLOW = ("sqlalchemy", "flask", "redis", "rq", "requests", "marshmallow", "alembic", "intercom")


def test_every_command_of_the_contract_is_there_with_a_help_text() -> None:
    context = click.Context(main)
    assert sorted(CONTRACT) == sorted(main.list_commands(context))
    for name in CONTRACT:
        command = main.get_command(context, name)
        assert command is not None
        assert command.help, name


def test_help_lists_the_commands(gateway: Gateway) -> None:
    result = gateway.run("--help")
    assert result.exit_code == 0
    for name in CONTRACT:
        assert f"\n  {name} " in result.output


def test_the_version_is_told(gateway: Gateway) -> None:
    assert gateway.run("--version").output == f"gateway {__version__}\n"


def test_help_imports_nothing_slow() -> None:
    program = "import json, sys, gateway.cli; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert not loaded & set(SLOW)


def test_python_m_gateway_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"gateway {__version__}\n"


WRONG_SETTINGS = '[channels.shop]\nkind = "intercom"\nagent = "nobody"\n[agnets.a]\n'
WRONG = ("agnets", "access_token", "client_secret", "bot_admin_id", "agents.nobody")


@pytest.mark.parametrize(
    "arguments", [["operators", "list"], ["migrate"], ["worker"], ["scheduler"]], ids=" ".join
)
def test_all_that_is_wrong_with_the_settings_is_told_at_once(
    gateway: Gateway, arguments: list[str]
) -> None:
    (gateway.folder / "gateway.toml").write_text(WRONG_SETTINGS)
    done = gateway.run(*arguments)
    assert done.exit_code == 2
    for name in WRONG:
        assert name in done.stderr


@pytest.mark.parametrize("arguments", [["up"], ["web"]], ids=" ".join)
def test_what_serves_tells_it_as_well(gateway: Gateway, arguments: list[str]) -> None:
    (gateway.folder / "gateway.toml").write_text(WRONG_SETTINGS)
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=gateway.folder,
        env=gateway.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    for name in WRONG:
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_of_ours_is_one_line(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/gateway")
    for arguments in (["operators", "list"], ["migrate"]):
        result = gateway.run(*arguments)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.startswith("gateway: the database cannot be ")
        assert result.stderr.count("\n") == 1
