"""`contact_fields`: which of an agent's findings are details of the customer."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import wiring
from gateway.config import Settings, load_settings
from gateway.errors import ConfigError


def load(tmp_path: Path, table: str) -> Settings:
    path = tmp_path / "gateway.toml"
    path.write_text(f'[agents.try]\nkind = "scripted"\n[agents.try.contact_fields]\n{table}\n')
    return load_settings({"GATEWAY_DATA_DIR": str(tmp_path)}, path)


def test_a_mapping_reaches_the_agents_terms(tmp_path: Path) -> None:
    table = 'email = "parameters.email"\ncustom.order_no = "results.order.number"'
    parts = wiring.build(load(tmp_path, table))
    assert parts.agents["try"].contact_fields == {
        "email": "parameters.email",
        "custom.order_no": "results.order.number",
    }


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('mail = "parameters.email"', "contact_fields.mail: is not a detail"),
        ('"custom.a b" = "parameters.x"', "custom.a b: is not a detail"),
        ('email = "email"', "contact_fields.email: must be a path"),
        ("email = 4", "contact_fields.email: must be a path"),
        ('email = "parameters..email"', "must be a path"),
    ],
)
def test_what_means_nothing_is_told(tmp_path: Path, table: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, table)
    assert told in str(refused.value)
