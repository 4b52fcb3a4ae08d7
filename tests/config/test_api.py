"""`[api]` and `[audit]`: what callers may do, and how long it is kept who did what."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Settings, load_settings
from gateway.config.settings import ApiSettings, AuditSettings
from gateway.errors import ConfigError


def load(folder: Path, text: str) -> Settings:
    path = folder / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings({"GATEWAY_DATA_DIR": str(folder)}, path)


def test_both_are_read(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "[api]\nrequests_per_second = 80\nburst = 300\ntrusted_proxies = 1\n"
        "[audit]\nkeep_days = 365\n",
    )
    assert settings.api == ApiSettings(requests_per_second=80, burst=300, trusted_proxies=1)
    assert settings.audit == AuditSettings(keep_days=365)
    assert load(tmp_path, "").api == ApiSettings()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[api]\nrequests_per_second = 49", "must be a whole number from 50 to"),
        ('[api]\nrequests_per_second = "80"', "must be a whole number"),
        ("[api]\nburst = 12.5", "must be a whole number"),
        ("[api]\ntrusted_proxies = true", "must be a whole number"),
        ("[api]\ntrusted_proxies = -1", "must be a whole number from 0 to 10"),
        ("[audit]\nkeep_days = -1", "must be a whole number from 0 to 36500"),
        ("[audit]\nkeep_for = 1", "is not a setting"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as told:
        load(tmp_path, text)
    assert problem in str(told.value)
