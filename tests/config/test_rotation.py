"""Secrets that are being replaced: two at a time, in the environment and in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import HttpAgentSettings, Settings, load_settings
from gateway.errors import ConfigError

NEW, OLD = (
    "whsec_bmV3IHNlY3JldCBvZiB0d2VudHktZm91cg==",
    "whsec_b2xkIHNlY3JldCBvZiB0d2VudHktZm91cg==",
)


def loaded(tmp_path: Path, text: str = "", **environ: str) -> Settings:
    path = tmp_path / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings({"GATEWAY_DATA_DIR": str(tmp_path), **environ}, path)


def test_keys_of_before_are_still_believed(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path, GATEWAY_SECRET_KEY="new", GATEWAY_SECRET_KEY_PREVIOUS="\n old-one \n\nolder\n"
    )
    assert settings.secret_keys == ("new", "old-one", "older")
    assert "old-one" not in repr(settings)
    assert loaded(tmp_path, GATEWAY_SECRET_KEY="new").secret_keys == ("new",)


def test_a_key_of_several_words_is_refused_while_it_can_be(tmp_path: Path) -> None:
    """As one of before, each of its words would be a key that is believed."""
    with pytest.raises(ConfigError, match="GATEWAY_SECRET_KEY: has a space in it") as refused:
        loaded(tmp_path, GATEWAY_SECRET_KEY="correct horse battery")
    assert "horse" not in str(refused.value)
    assert loaded(tmp_path, GATEWAY_SECRET_KEY=" horse\n").secret_key == "horse"


def test_the_key_of_the_data_folder_is_replaced_by_moving_it_away(tmp_path: Path) -> None:
    first = loaded(tmp_path).secret_key
    file = tmp_path / "secret_key"
    kept = file.read_text("ascii")
    file.rename(tmp_path / "old")
    settings = loaded(tmp_path, GATEWAY_SECRET_KEY_PREVIOUS=kept)
    assert settings.secret_key != first
    assert settings.previous_secret_keys == (first,)


def test_an_agent_a_subscriber_and_alerts_may_have_two(tmp_path: Path) -> None:
    both = f'["{NEW}", "{OLD}"]'
    settings = loaded(
        tmp_path,
        f"""
        [agents.support]
        kind = "http"
        url = "https://ai.acme.example"
        secret = {both}
        [[subscribers]]
        url = "https://events.acme.example"
        secret = {both}
        [alerts]
        webhook_url = "https://alerts.acme.example"
        webhook_secret = {both}
        """,
    )
    agent = settings.agents["support"]
    assert isinstance(agent, HttpAgentSettings)
    assert agent.secret == (NEW, OLD)
    assert settings.subscribers[0].secret == (NEW, OLD)
    assert settings.alerts.webhook_secret == (NEW, OLD)
    assert NEW not in repr(settings)


@pytest.mark.parametrize("secret", ["[]", '["whsec_"]', f'["{NEW}", "short"]'])
def test_each_of_them_is_one(secret: str, tmp_path: Path) -> None:
    agent = f'[agents.support]\nkind = "http"\nurl = "https://a.example"\nsecret = {secret}'
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, agent)
    assert "agents.support.secret" in str(error.value)
