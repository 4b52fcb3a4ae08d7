"""`gateway doctor` against the stand-in: all is well, and each thing that may be wrong."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from gateway.cli.examinations import of_channel
from gateway.config import load_settings
from gateway.signs import Finding
from gateway.store import migrate
from gateway.wiring import build
from intercom_standin import StandIn
from tests.cli.conftest import SECRET, TOKEN, Gateway


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn(token=TOKEN, client_secret=SECRET) as standin:
        yield standin


def lines(output: str, mark: str) -> list[str]:
    return [line.strip() for line in output.splitlines() if line.strip().startswith(mark)]


def test_all_is_well(
    on_migrated: Gateway, standin: StandIn, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_REDIS_URL", valkey_url)
    on_migrated.configure(url=standin.base_url)
    result = on_migrated.run("doctor")
    assert result.exit_code == 0, result.output
    assert lines(result.stdout, "✗") == []
    seen = "\n".join(lines(result.stdout, "✓"))
    for what in (
        *("1 channel (acme-intercom), 1 agent (shop); times in Europe/Dublin", "the data folder"),
        *("can be reached", "tables of this version", "can be written to"),
        "files can be written, read and removed",
        *("GATEWAY_REDIS_URL answers", "http://127.0.0.1:8080/webhooks/acme-intercom"),
        *("the access token opens", "the AI answers as Sage (AI)", "conversation.admin.assigned"),
    ):
        assert what in seen
    assert result.stdout.splitlines()[-1] == "all is well"


def test_a_place_for_files_that_cannot_be_written_to(gateway: Gateway, standin: StandIn) -> None:
    gateway.configure(url=standin.base_url)
    (gateway.folder / "data").mkdir()
    (gateway.folder / "data" / "files").write_text("in the way")
    result = gateway.run("doctor")
    assert result.exit_code == 1
    (line,) = lines(result.stdout, "✗")
    assert "the file cannot be kept just now" in line
    assert "[files] url" in line


def test_it_says_the_same_as_json(gateway: Gateway, standin: StandIn) -> None:
    gateway.configure(url=standin.base_url, bot="77")
    result = gateway.run("doctor", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["ok"] is False
    wrong = [finding for finding in report["findings"] if not finding["ok"]]
    assert [finding["where"] for finding in wrong] == ["acme-intercom"]
    assert wrong[0]["what"] == "bot_admin_id 77 is no teammate of this workspace"
    assert "Sage (AI) = 814860" in wrong[0]["do"]


def test_a_token_that_is_not_valid(gateway: Gateway, standin: StandIn) -> None:
    gateway.configure(url=standin.base_url, token="another-token")
    result = gateway.run("doctor")
    assert result.exit_code == 1
    (wrong,) = lines(result.stdout, "✗")
    assert "the access token" in wrong
    assert "→ put a valid token into access_token" in wrong
    assert "another-token" not in result.output


def test_a_token_of_another_workspace(gateway: Gateway, standin: StandIn) -> None:
    gateway.configure(url=standin.base_url, app_id="other")
    result = gateway.run("doctor")
    assert result.exit_code == 1
    assert "the token belongs to workspace abc123std" in lines(result.stdout, "✗")[0]


def test_a_token_that_cannot_be_one(gateway: Gateway, standin: StandIn) -> None:
    gateway.configure(url=standin.base_url, token="two words")
    result = gateway.run("doctor")
    assert result.exit_code == 1
    (wrong,) = lines(result.stdout, "✗")
    assert wrong.startswith("✗ access_token")
    assert wrong.endswith("→ correct [channels.acme-intercom]")


def test_intercom_out_of_reach(gateway: Gateway) -> None:
    result = gateway.run("doctor")
    assert result.exit_code == 1
    assert "the access token" in lines(result.stdout, "✗")[0]


def test_servers_that_do_not_answer(
    gateway: Gateway, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.configure(url=standin.base_url)
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://joe:pass-word@127.0.0.1:1/gateway")
    monkeypatch.setenv("GATEWAY_REDIS_URL", "redis://:pass-word@127.0.0.1:1")
    result = gateway.run("doctor")
    assert result.exit_code == 1
    database, redis = lines(result.stdout, "✗")
    assert "→ start it, or correct GATEWAY_DATABASE_URL" in database
    assert "→ start it, or correct GATEWAY_REDIS_URL" in redis
    assert "pass-word" not in result.output
    assert "the AI answers as Sage (AI)" in result.stdout


def test_a_database_of_another_version(
    gateway: Gateway, standin: StandIn, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.configure(url=standin.base_url)
    monkeypatch.setenv("GATEWAY_DATABASE_URL", postgres_url)
    (wrong,) = lines(gateway.run("doctor").stdout, "✗")
    assert wrong == "✗ it lacks tables of this version → run `gateway migrate`"
    migrate(postgres_url)
    assert gateway.run("doctor").exit_code == 0


def test_looking_leaves_nothing_behind(gateway: Gateway, standin: StandIn) -> None:
    gateway.configure(url=standin.base_url)
    assert gateway.run("doctor").exit_code == 0
    assert not (gateway.folder / "data" / "gateway.db").exists()


def test_wrong_settings_are_findings(gateway: Gateway) -> None:
    (gateway.folder / "gateway.toml").write_text('[channels.shop]\nkind = "intercom"\n')
    result = gateway.run("doctor")
    assert result.exit_code == 1
    assert any("channels.shop.access_token" in line for line in lines(result.stdout, "✗"))
    assert json.loads(gateway.run("doctor", "--json").stdout)["ok"] is False


def test_no_settings_at_all(gateway: Gateway) -> None:
    (gateway.folder / "gateway.toml").unlink()
    result = gateway.run("doctor")
    assert result.exit_code == 1
    assert "there is no gateway.toml here" in lines(result.stdout, "✗")[0]


class NobodyAsked:
    """A sender that finds nothing."""

    def check(self) -> Sequence[Finding]:
        return ()


def test_real_intercom_needs_https(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (gateway.folder / "gateway.toml").read_text()
    without = [line for line in text.splitlines() if not line.startswith("base_url")]
    (gateway.folder / "gateway.toml").write_text("\n".join(without))

    def found() -> list[Finding]:
        settings = load_settings(os.environ)
        channel = build(settings).channels["acme-intercom"]
        asked = replace(channel, open_sender=cast(Any, NobodyAsked))
        return list(of_channel(settings, asked))

    (finding,) = found()
    assert not finding.ok
    assert "https addresses only" in finding.what
    assert "GATEWAY_PUBLIC_URL" in finding.do
    monkeypatch.setenv("GATEWAY_PUBLIC_URL", "https://gateway.acme.example")
    (finding,) = found()
    assert finding.ok
    assert "https://gateway.acme.example/webhooks/acme-intercom" in finding.what
