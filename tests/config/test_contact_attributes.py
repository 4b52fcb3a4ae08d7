"""`contact_attributes`: which fields of our own are attributes of contacts in Intercom."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import wiring
from gateway.config import Settings, load_settings
from gateway.errors import ConfigError

CHANNEL = """
[agents.try]
kind = "scripted"
[channels.acme]
kind = "intercom"
agent = "try"
access_token = "x"
client_secret = "y"
bot_admin_id = "1"
[channels.acme.contact_attributes]
"""


def load(tmp_path: Path, table: str) -> Settings:
    path = tmp_path / "gateway.toml"
    path.write_text(CHANNEL + table)
    return load_settings({"GATEWAY_DATA_DIR": str(tmp_path)}, path)


def test_a_channel_knows_which_it_keeps(tmp_path: Path) -> None:
    table = 'custom.order_no = "Order number"\n"custom.plan" = "plan"'
    parts = wiring.build(load(tmp_path, table))
    assert parts.channels["acme"].custom_details == {"custom.order_no", "custom.plan"}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('email = "E-mail"', "contact_attributes.email: is not a field of your own"),
        ('custom.plan = ""', "contact_attributes.custom.plan: must be the name of an attribute"),
        ("custom.plan = 4", "must be the name of an attribute"),
        ('custom.a = "plan"\ncustom.b = "plan"', "two fields cannot be one attribute"),
    ],
)
def test_what_means_nothing_is_told(tmp_path: Path, table: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, table)
    assert told in str(refused.value)
