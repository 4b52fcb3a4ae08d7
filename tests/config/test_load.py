"""Settings are read once, checked as a whole, and every problem is told at once."""

import base64
import dataclasses
import multiprocessing
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.config import (
    USUAL_EVENTS,
    HttpAgentSettings,
    IntercomSettings,
    ScriptedAgentSettings,
    ScriptedHandover,
    ScriptRule,
    Settings,
    WebWidgetSettings,
    load_settings,
)
from gateway.errors import ConfigError

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four b").decode()
# The file of DESIGN.md 5.2.
FULL = """
[workspace]
name = "Acme"
time_zone = "Europe/Dublin"

[agents.support]
kind = "http"
url = "https://ai.acme.example/turn"
secret = "${AGENT_SECRET}"
timeout_s = 20
debounce_s = 1.5
allow_handover = true
allow_customer_request = false
handover_message = ""
handover_conditions = "Transfer when the customer is upset."

[channels.acme-intercom]
kind = "intercom"
agent = "support"
access_token = "${INTERCOM_ACCESS_TOKEN}"
client_secret = ["${INTERCOM_CLIENT_SECRET}", "the old one"]
bot_admin_id = "814860"
region = "eu"
hand_over_to = "team:5017690"
answer_when = ["bot"]
ai_teams = [77, "78"]

[channels.acme-web]
kind = "webwidget"
agent = "support"
key = "acme-web-key"
allowed_origins = ["https://www.acme.example"]
identity_secret = "${WIDGET_IDENTITY_SECRET}"

[[subscribers]]
url = "https://acme.example/events"
secret = "${AGENT_SECRET}"
events = ["session.started"]

[[subscribers]]
url = "https://acme.example/all"
secret = "${AGENT_SECRET}"
"""
ENVIRON = {
    "AGENT_SECRET": SECRET,
    "INTERCOM_ACCESS_TOKEN": "dG9rOtoken",
    "INTERCOM_CLIENT_SECRET": "c1ient-secret\n",
    "WIDGET_IDENTITY_SECRET": "w1dget-secret of 32 characters or more",
    "GATEWAY_SECRET_KEY": "k3y-of-the-gateway",
}


def load(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON) -> Settings:
    path = folder / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings({"GATEWAY_DATA_DIR": str(folder / "data"), **environ}, path)


def problems_of(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, environ)
    return caught.value.problems


def test_a_full_file_is_read(tmp_path: Path) -> None:
    settings = load(tmp_path, FULL)
    assert settings.workspace.name == "Acme"
    assert settings.workspace.zone.key == "Europe/Dublin"
    agent = settings.agents["support"]
    assert isinstance(agent, HttpAgentSettings)
    assert (agent.name, agent.kind, agent.timeout_s, agent.debounce_s) == (
        "support",
        "http",
        20.0,
        1.5,
    )
    assert agent.allow_handover is True
    assert agent.allow_customer_request is False
    intercom = settings.channels["acme-intercom"]
    assert isinstance(intercom, IntercomSettings)
    assert intercom.client_secret == ("c1ient-secret", "the old one")
    assert intercom.base_url == "https://api.eu.intercom.io"
    assert intercom.answer_when == ("bot",)
    assert intercom.ai_teams == ("77", "78")
    assert intercom.email_conversations == "human"
    widget = settings.channels["acme-web"]
    assert isinstance(widget, WebWidgetSettings)
    assert widget.allowed_origins == ("https://www.acme.example",)
    assert [subscriber.events for subscriber in settings.subscribers] == [
        ("session.started",),
        USUAL_EVENTS,
    ]


def test_nothing_needs_to_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings({"HOME": str(tmp_path)})
    assert settings.data_dir == tmp_path / ".local/share/channel-gateway"
    assert settings.database_url == f"sqlite:///{settings.data_dir}/gateway.db"
    assert settings.redis_url is None
    assert settings.public_url == "http://127.0.0.1:8080"
    assert settings.workspace.time_zone == "UTC"
    assert (dict(settings.agents), dict(settings.channels)) == ({}, {})


def test_the_default_file_is_found_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.toml").write_text('[workspace]\nname = "Here"')
    assert load_settings({"HOME": str(tmp_path)}).workspace.name == "Here"


def test_the_secret_key_is_made_once_and_kept(tmp_path: Path) -> None:
    environ = {"GATEWAY_DATA_DIR": str(tmp_path / "data")}
    first = load_settings(environ).secret_key
    assert len(first) >= 43
    assert load_settings(environ).secret_key == first
    path = tmp_path / "data" / "secret_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["secret_key"]


def _read_key(folder: str) -> str:
    return load_settings({"GATEWAY_DATA_DIR": folder}).secret_key


def test_processes_that_start_together_agree_on_the_secret_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        keys = pool.map(_read_key, [str(tmp_path / "data")] * 8, chunksize=1)
    assert len(set(keys)) == 1


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("postgres://u:p@db/gw", "postgresql+psycopg://u:p@db/gw"),
        ("postgresql://db/gw", "postgresql+psycopg://db/gw"),
        ("postgresql+psycopg://db/gw", "postgresql+psycopg://db/gw"),
        ("sqlite:///other.db", "sqlite:///{data}/other.db"),
        ("sqlite:////srv/../{tmp}/gw.db", "sqlite:////srv/../{tmp}/gw.db"),
    ],
)
def test_database_urls(tmp_path: Path, given: str, read: str) -> None:
    places = {"data": tmp_path / "data", "tmp": str(tmp_path)[1:]}
    settings = load(tmp_path, "", {**ENVIRON, "GATEWAY_DATABASE_URL": given.format(**places)})
    assert settings.database_url == read.format(**places)


def test_addresses_are_read_in_one_spelling(tmp_path: Path) -> None:
    environ = {
        "GATEWAY_REDIS_URL": "valkeys://h:6379/1",
        "GATEWAY_PUBLIC_URL": "https://gw.example/",
    }
    settings = load(tmp_path, "", environ)
    assert settings.redis_url == "rediss://h:6379/1"
    assert settings.public_url == "https://gw.example"


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = """
[workspace]
time_zone = "Europe/Dubln"
colour = "red"

[agents.support]
kind = "http"
url = "ai.acme.example"
secret = "${NO_SUCH_SECRET}"
timeout_s = "soon"
debonce_s = 2
debounce_max_s = 0.1

[agents.next]
kind = "openai"

[channels.intercom]
kind = "intercom"
agent = "suport"
client_secret = ["", "${NO_SUCH_TOO}"]
bot_admin_id = "7"
region = "uk"
hand_over_to = "admin:7"
answer_when = ["bot", "nobody"]
takeover_on_reply = "perhaps"
api_version = "latest"

[channels.one]
kind = "webwidget"
agent = "support"
key = "k"
allowed_origins = ["https://a.example/path"]

[channels.two]
kind = "webwidget"
agent = "support"
key = "k"
allowed_origins = []

[channels.odd]
agent = "support"

[[subscribers]]
url = "https://acme.example"
secret = "whsec_***"
events = ["session.start"]

[chanels.x]
"""
    environ = {
        "GATEWAY_DATABASE_URL": "mysql://x",
        "GATEWAY_REDIS_URL": "redis//x",
        "GATEWAY_SECRET_KEY": "",
        "GATEWAY_PUBLIC_URL": "gw.example",
        "GATEWAY_DATABSE_URL": "sqlite:///x.db",
    }
    problems = problems_of(tmp_path, text, environ)
    beginnings = [
        "GATEWAY_DATABASE_URL: must begin with postgresql:// or sqlite:///",
        "GATEWAY_REDIS_URL: must be redis://HOST",
        "GATEWAY_SECRET_KEY: is empty; set it",
        "GATEWAY_PUBLIC_URL: must be an address",
        "agents.support.secret: the environment variable NO_SUCH_SECRET is not set",
        "channels.intercom.client_secret[1]: the environment variable NO_SUCH_TOO is not set",
        'chanels: is not a setting; did you mean "channels"?',
        'workspace.time_zone: is not a time zone; did you mean "Europe/Dublin"?',
        "workspace.colour: is not a setting; known here: name, time_zone",
        "agents.support.url: must be an address that begins with http:// or https://",
        "agents.support.timeout_s: must be a number of seconds",
        'agents.support.debonce_s: is not a setting; did you mean "debounce_s"?',
        "agents.next.model: is missing; set it to the name of a model",
        "channels.intercom.access_token: is missing; set it to the access token",
        "channels.intercom.client_secret[0]: is empty",
        'channels.intercom.region: must be one of "us", "eu", "au"',
        "channels.intercom.hand_over_to: names the bot itself",
        'channels.intercom.answer_when[1]: must be one of "bot", "unassigned"',
        "channels.intercom.takeover_on_reply: must be true or false",
        "channels.intercom.api_version: must be a version",
        'channels.intercom.agent: there is no [agents.suport]; did you mean "support"?',
        "channels.one.allowed_origins[0]: must be an origin only",
        "channels.two.allowed_origins: is an empty list",
        'channels.odd.kind: is missing; set it to "intercom" or "webwidget"',
        'subscribers[0].secret: must be "whsec_" followed by base64',
        "subscribers[0].events[0]: must be one of",
    ]
    for beginning in beginnings:
        assert any(problem.startswith(beginning) for problem in problems), beginning
    assert len(problems) == len(beginnings), problems


def test_a_slip_in_a_variable_is_told_but_kubernetes_is_left_alone(tmp_path: Path) -> None:
    environ = {"GATEWAY_PORT": "tcp://10.0.0.1:80", "GATEWAY_DATABSE_URL": "x"}
    assert problems_of(tmp_path, "", environ) == (
        "GATEWAY_DATABSE_URL: is not a setting; did you mean GATEWAY_DATABASE_URL?",
    )


def test_widget_keys_differ(tmp_path: Path) -> None:
    widget = 'kind = "webwidget"\nagent = "a"\nkey = "k"\nallowed_origins = "https://a.example"\n'
    text = f'[agents.a]\nkind = "scripted"\n[channels.one]\n{widget}[channels.two]\n{widget}'
    assert problems_of(tmp_path, text) == (
        "channels.two.key: is the key of [channels.one], too; give each its own",
    )


def test_debounce_is_bounded(tmp_path: Path) -> None:
    text = '[agents.a]\nkind = "scripted"\ndebounce_s = 20\n'
    assert problems_of(tmp_path, text) == (
        "agents.a.debounce_max_s: must not be less than debounce_s",
    )


@pytest.mark.parametrize(
    "text",
    [
        "agents = 3",
        "agents.support = 3",
        "channels = []",
        "subscribers = {}",
        "subscribers = [3]",
        "workspace = 'x'",
        '[agents."a b"]\nkind = "scripted"',
        "[agents.a]\nkind = 3",
        '[agents.a]\nkind = "scripted"\nscript = 3',
        '[agents.a]\nkind = "scripted"\nscript = ["x"]',
        '[agents.a]\nkind = "scripted"\n[[agents.a.script]]\npattern = "("',
        '[agents.a]\nkind = "scripted"\nscript = "none.toml"',
        '[agents.a]\nkind = "scripted"\ntimeout_s = nan',
        '[agents.a]\nkind = "scripted"\ntimeout_s = true',
        '[agents.a]\nkind = "scripted"\ntimeout_s = 0',
        '[agents.a]\nkind = "scripted"\nidle_timeout_s = -1',
        "not toml",
    ],
)
def test_wrong_shapes_are_one_clear_problem(tmp_path: Path, text: str) -> None:
    (problem,) = problems_of(tmp_path, text)
    assert "Invalid" not in problem
    assert "Not a valid" not in problem


def test_a_missing_file_is_a_problem_when_named(tmp_path: Path) -> None:
    environ = {"GATEWAY_CONFIG": str(tmp_path / "none.toml"), "HOME": str(tmp_path)}
    with pytest.raises(ConfigError, match=r"GATEWAY_CONFIG: there is no file .*none\.toml"):
        load_settings(environ)


def test_a_data_folder_that_cannot_be_made_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError) as caught:
        load_settings({"GATEWAY_DATA_DIR": str(tmp_path / "file" / "data")})
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("GATEWAY_DATA_DIR: the folder")


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    environ = {
        **ENVIRON,
        "GATEWAY_DATABASE_URL": "postgresql://u:passw0rd@db/gw",  # not a secret
        "GATEWAY_REDIS_URL": "redis://:passw0rd@h",
    }
    settings = load(tmp_path, FULL, environ)
    shown = repr(settings)
    wrong = FULL.replace("[agents.support]", "[agents.support]\nzzz = 1").replace("814860", "")
    told = "\n".join(problems_of(tmp_path, wrong, {**environ, "AGENT_SECRET": "wh_secret-value"}))
    for text in (shown, told):
        for secret in (SECRET, "dG9rOtoken", "c1ient", "old one", "w1dget", "k3y", "passw0rd"):
            assert secret not in text
    assert "wh_secret-value" not in told


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = load(tmp_path, FULL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.public_url = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.agents["x"] = settings.agents["support"]  # type: ignore[index]


RULES = """
pattern = "refund"
reply = ["One moment.", "${SHOP} will see to it."]
parameters = {topic = "refund"}
handover = {reason = "refund", summary = "Wants money back."}

[[script]]
pattern = ".*"
reply = "Hello."
finish = true
"""


@pytest.mark.parametrize("in_a_file", [False, True])
def test_scripts(tmp_path: Path, in_a_file: bool) -> None:
    text = '[agents.demo]\nkind = "scripted"\nfallback_reply = "What?"\n'
    if in_a_file:
        (tmp_path / "shop.toml").write_text("[[script]]" + RULES)
        text += 'script = "shop.toml"'
    else:
        text += "[[agents.demo.script]]" + RULES.replace("[[script]]", "[[agents.demo.script]]")
    agent = load(tmp_path, text, {**ENVIRON, "SHOP": "Acme"}).agents["demo"]
    assert isinstance(agent, ScriptedAgentSettings)
    assert agent.fallback_reply == "What?"
    assert agent.script == (
        ScriptRule(
            pattern="refund",
            reply=("One moment.", "Acme will see to it."),
            parameters={"topic": "refund"},
            handover=ScriptedHandover(
                trigger="automatic", reason="refund", summary="Wants money back."
            ),
        ),
        ScriptRule(pattern=".*", reply=("Hello.",), finish=True),
    )


def test_problems_in_a_script_name_the_rule(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text('[[script]]\npattern = "a"\nhandover = {why = 1}\n')
    text = '[agents.demo]\nkind = "scripted"\nscript = "shop.toml"\n'
    assert problems_of(tmp_path, text) == (
        "agents.demo.script[0].handover.why: is not a setting; "
        "known here: reason, summary, trigger",
    )


WIDGET = """
[agents.a]
kind = "scripted"
[channels.web]
kind = "webwidget"
agent = "a"
key = "k"
"""


def test_origins_are_those_that_browsers_send(tmp_path: Path) -> None:
    origins = '["https://A.example:443", "http://b.example:80/", "http://c.example:8080", "null"]'
    file = tmp_path / "gateway.toml"
    file.write_text(f"{WIDGET}allowed_origins = {origins}\n")
    widget = load_settings({"GATEWAY_DATA_DIR": str(tmp_path)}, file).channels["web"]
    assert isinstance(widget, WebWidgetSettings)
    assert widget.allowed_origins == (
        "https://a.example", "http://b.example", "http://c.example:8080", "null",
    )  # fmt: skip


def test_what_a_widget_may_not_be(tmp_path: Path) -> None:
    text = (
        WIDGET
        + """allowed_origins = ["*"]
identity_secret = ["too short", "long enough for a signature with HS256"]
color = "red"
token_days = 400
requests_per_second = 0
"""
    )
    assert [problem.partition(": ")[0] for problem in problems_of(tmp_path, text)] == [
        "channels.web.allowed_origins[0]",
        "channels.web.identity_secret[0]",
        "channels.web.color",
        "channels.web.token_days",
        "channels.web.requests_per_second",
    ]
