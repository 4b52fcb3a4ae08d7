"""From the environment and the file to `Settings`, or to one error that lists every problem."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError

from gateway.config import schemas, settings
from gateway.config.environment import read_environment
from gateway.config.problems import Problems, Where, did_you_mean
from gateway.config.resolve import PLACEHOLDER, fill_in, load_script, read_toml
from gateway.config.sign_in import SignInSettings
from gateway.errors import ConfigError

TOP_LEVEL = (
    "workspace",
    "agents",
    "channels",
    "subscribers",
    "events",
    "smtp",
    "alerts",
    "api",
    "sign_in",
    "audit",
    "files",
)
AGENT_KINDS: Mapping[str, tuple[type[schemas.AgentTable], type[settings.AgentSettings]]] = {
    "http": (schemas.HttpAgentTable, settings.HttpAgentSettings),
    "openai": (schemas.OpenAIAgentTable, settings.OpenAIAgentSettings),
    "scripted": (schemas.ScriptedAgentTable, settings.ScriptedAgentSettings),
}
CHANNEL_KINDS: Mapping[str, tuple[type[schemas.ChannelTable], type[settings.ChannelSettings]]] = {
    "intercom": (schemas.IntercomTable, settings.IntercomSettings),
    "webwidget": (schemas.WebWidgetTable, settings.WebWidgetSettings),
}


def load_settings(
    environ: Mapping[str, str], config_path: Path | str | None = None
) -> settings.Settings:
    """Read and check all settings.

    `config_path` wins over GATEWAY_CONFIG. Makes the data folder and, once, its secret key.
    Raises ConfigError, which names everything that is missing or wrong.
    """
    problems = Problems()
    table, folder = _read_file(environ, config_path, problems)
    mentioned = set(PLACEHOLDER.findall(str(table)))
    environment = read_environment(environ, problems, mentioned)
    table = fill_in(table, environ, problems, ())
    for key in table:
        if key not in TOP_LEVEL:
            problems.add((key,), f"is not a setting; {did_you_mean(key, TOP_LEVEL)}")

    workspace = _checked(schemas.WorkspaceTable, table.get("workspace", {}), problems, "workspace")
    agents = _agents(table, folder, environ, problems)
    channels = _channels(table, problems)
    subscribers = _subscribers(table, problems)
    events = _checked(schemas.EventsTable, table.get("events", {}), problems, "events")
    smtp = _checked(schemas.SmtpTable, table["smtp"], problems, "smtp") if "smtp" in table else None
    alerts = _checked(schemas.AlertsTable, table.get("alerts", {}), problems, "alerts")
    api = _checked(schemas.ApiTable, table.get("api", {}), problems, "api")
    sign_in = _checked(schemas.SignInTable, table.get("sign_in", {}), problems, "sign_in")
    audit = _checked(schemas.AuditTable, table.get("audit", {}), problems, "audit")
    files = _checked(schemas.FilesTable, table.get("files", {}), problems, "files")
    if alerts.get("email_to") and "smtp" not in table:
        problems.add(("alerts", "email_to"), "needs a mail server; add a table [smtp]")
    if problems or environment is None:
        raise ConfigError(problems.texts())
    return settings.Settings(
        workspace=settings.Workspace(**workspace),
        agents=MappingProxyType(agents),
        channels=MappingProxyType(channels),
        subscribers=subscribers,
        events=settings.EventSettings(**events),
        smtp=settings.SmtpSettings(**smtp) if smtp is not None else None,
        alerts=settings.AlertSettings(**alerts),
        api=settings.ApiSettings(**api),
        sign_in=SignInSettings(**sign_in),
        audit=settings.AuditSettings(**audit),
        files=settings.FileSettings(**files),
        database_url=environment.database_url,
        redis_url=environment.redis_url,
        secret_key=environment.secret_key,
        previous_secret_keys=environment.previous_secret_keys,
        public_url=environment.public_url,
        data_dir=environment.data_dir,
    )


def _read_file(
    environ: Mapping[str, str], config_path: Path | str | None, problems: Problems
) -> tuple[dict[str, Any], Path]:
    named = str(config_path or environ.get("GATEWAY_CONFIG", ""))
    path = Path(named or "gateway.toml").expanduser()
    if not named and not path.exists():
        return {}, Path()
    return read_toml(path, problems, named_by=("GATEWAY_CONFIG",)), path.parent


def _checked(
    schema: type[schemas.Table], table: Any, problems: Problems, *where: str | int
) -> dict[str, Any]:
    """Return the table's values as its schema reads them; what is wrong becomes problems."""
    try:
        return dict(schema().load(table))
    except ValidationError as error:
        problems.add_messages(where, error.messages)
        return {}


def _named_tables(
    table: Mapping[str, Any], section: str, problems: Problems
) -> dict[str, dict[str, Any]]:
    tables = table.get(section, {})
    if not isinstance(tables, dict):
        problems.add((section,), f"must be tables of the form [{section}.NAME]")
        return {}
    found = {}
    for name, inner in tables.items():
        if not isinstance(inner, dict):
            problems.add((section, name), f"must be a table [{section}.NAME]")
        elif not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            problems.add((section, name), "a name has 1 to 64 letters a-z, digits, - and _")
        else:
            found[name] = inner
    return found


def _agents(
    table: Mapping[str, Any],
    folder: Path,
    environ: Mapping[str, str],
    problems: Problems,
) -> dict[str, settings.AgentSettings]:
    agents = {}
    for name, inner in _named_tables(table, "agents", problems).items():
        where = ("agents", name)
        kind = _kind(inner, AGENT_KINDS, problems, where)
        if kind is not None:
            schema, build = AGENT_KINDS[kind]
            if kind == "scripted":
                inner = load_script(inner, folder, environ, problems, (*where, "script"))
            values = _checked(schema, inner, problems, *where)
            values.pop("kind", None)
            if not problems:
                for several in ("script", "handover_rules", "ladder"):
                    if several in values:
                        values[several] = tuple(values[several])
                agents[name] = build(name=name, **values)
    return agents


def _channels(table: Mapping[str, Any], problems: Problems) -> dict[str, settings.ChannelSettings]:
    channels = {}
    agents = table.get("agents")
    agent_names = list(agents) if isinstance(agents, dict) else []
    widget_keys: dict[str, str] = {}
    for name, inner in _named_tables(table, "channels", problems).items():
        where = ("channels", name)
        kind = _kind(inner, CHANNEL_KINDS, problems, where)
        if kind is None:
            continue
        schema, build = CHANNEL_KINDS[kind]
        if kind == "intercom" and "client_id" in inner:
            schema, build = schemas.IntercomAppTable, settings.IntercomAppSettings
        values = _checked(schema, inner, problems, *where)
        agent = inner.get("agent")
        if isinstance(agent, str) and agent and agent not in agent_names:
            hint = did_you_mean(agent, agent_names)
            problems.add((*where, "agent"), f"there is no [agents.{agent}]; {hint}")
        key = values.get("key")
        if key is not None and widget_keys.setdefault(key, name) != name:
            taken = f"is the key of [channels.{widget_keys[key]}], too; give each its own"
            problems.add((*where, "key"), taken)
        values.pop("kind", None)
        if not problems:
            channels[name] = build(name=name, **values)
    return channels


def _kind(
    inner: Mapping[str, Any], known: Mapping[str, Any], problems: Problems, where: Where
) -> str | None:
    kind = inner.get("kind")
    if isinstance(kind, str) and kind in known:
        return kind
    listed = " or ".join(f'"{word}"' for word in known)
    if kind is None:
        problems.add((*where, "kind"), f"is missing; set it to {listed}")
    else:
        problems.add((*where, "kind"), f"must be {listed}")
    return None


def _subscribers(
    table: Mapping[str, Any], problems: Problems
) -> tuple[settings.SubscriberSettings, ...]:
    entries = table.get("subscribers", [])
    if not isinstance(entries, list):
        problems.add(("subscribers",), "must be tables of the form [[subscribers]]")
        return ()
    read = [
        _checked(schemas.SubscriberTable, entry, problems, "subscribers", index)
        for index, entry in enumerate(entries)
    ]
    names = [values.get("name") or _name_of(values.get("url", "")) for values in read]
    for index, name in enumerate(names):
        if name in names[:index]:
            where = ("subscribers", index, "name")
            problems.add(where, "is another subscriber's too; give each a name of its own")
    if problems:
        return ()
    named = ({**values, "name": name} for values, name in zip(read, names, strict=True))
    return tuple(settings.SubscriberSettings(**values) for values in named)


def _name_of(url: str) -> str:
    """What a subscriber is called that has no name: stays as it is for as long as its address."""
    host = re.sub(r"[^a-z0-9.-]", "-", (urlsplit(url).hostname or "").lower())[:48]
    return f"{host}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
