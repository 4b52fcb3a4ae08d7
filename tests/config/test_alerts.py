"""Who is told of what is wrong: read with care, since nobody notices a mail that does not come."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import AlertSettings, Settings, SmtpSettings, load_settings
from gateway.errors import ConfigError

SECRET = "whsec_YSBzZWNyZXQgb2YgdHdlbnR5LWZvdXIgYg=="
SMTP = '[smtp]\nhost = "mail.acme.example"\nsender = "Gateway <gw@acme.example>"\n'


def load(folder: Path, text: str) -> Settings:
    path = folder / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings({"GATEWAY_DATA_DIR": str(folder)}, path)


def problems(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as told:
        load(folder, text)
    return told.value.problems


def test_everything_is_read(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        f"""
[smtp]
host = "mail.acme.example"
port = 2525
username = "gateway"
password = "pass-word"
security = "tls"
sender = "gw@acme.example"

[alerts]
email_to = ["ops@acme.example"]
webhook_url = "https://alerts.acme.example/in?key=secret-part"
webhook_secret = "{SECRET}"
""",
    )
    assert settings.smtp == SmtpSettings(
        host="mail.acme.example", port=2525, username="gateway", password="pass-word",
        security="tls", sender="gw@acme.example",
    )  # fmt: skip
    assert settings.alerts.email_to == ("ops@acme.example",)
    shown = repr(settings)
    for secret in ("pass-word", SECRET, "secret-part"):
        assert secret not in shown


def test_nobody_is_told_unless_that_is_set(tmp_path: Path) -> None:
    settings = load(tmp_path, "")
    assert (settings.smtp, settings.alerts) == (None, AlertSettings())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[smtp]\nsender = "a@b.example"', "smtp.host: is missing"),
        ('[smtp]\nhost = "h"', "smtp.sender: is missing"),
        ('[smtp]\nhost = "smtp://h:25"\nsender = "a@b.example"', "smtp.host: must be a host alone"),
        (SMTP + "port = 70000", "smtp.port: must be a number"),
        (SMTP + 'port = "25"', "smtp.port: must be a number"),
        (SMTP + 'security = "ssl"', 'smtp.security: must be one of "starttls", "tls", "none"'),
        (SMTP + 'username = "u"', "smtp.password: must be set together with username"),
        (SMTP + 'password = "u"', "smtp.password: must be set together with username"),
        (
            SMTP + 'username = "u"\npassword = "p"\nsecurity = "none"',
            "smtp.security: would show the password",
        ),
        (SMTP + 'user = "u"', "smtp.user: is not a setting; did you mean"),
        ("smtp = 1", "smtp: must be a table"),
        ('[smtp]\nhost = "h"\nsender = "nobody"', "smtp.sender: must be an e-mail address"),
        (
            '[smtp]\nhost = "h"\nsender = "a@b.example\\r\\nBcc: c@d.example"',
            "smtp.sender: must be an e-mail address",
        ),
        (
            SMTP + '[alerts]\nemail_to = ["a@b.example\\nBcc: c@d.example"]',
            "alerts.email_to[0]: must be an e-mail address",
        ),
        (SMTP + '[alerts]\nemail_to = ["A <a@b.example>"]', "alerts.email_to[0]: must be an"),
        (SMTP + '[alerts]\nemail_to = "a@b.example"', "alerts.email_to: must be a list"),
        ('[alerts]\nemail_to = ["a@b.example"]', "alerts.email_to: needs a mail server"),
        ('[alerts]\nwebhook_url = "https://a.example"', "alerts.webhook_secret: is missing"),
        (f'[alerts]\nwebhook_secret = "{SECRET}"', "alerts.webhook_url: is missing"),
        ('[alerts]\nwebhook_url = "a"\nwebhook_secret = "b"', "alerts.webhook_url: must be an"),
    ],
)
def test_what_cannot_work_is_told(tmp_path: Path, text: str, problem: str) -> None:
    assert any(one.startswith(problem) for one in problems(tmp_path, text)), problems(
        tmp_path, text
    )
