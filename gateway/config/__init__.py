"""Settings: read once from the environment and one TOML file, checked as a whole, then frozen."""

from gateway.config.load import load_settings
from gateway.config.settings import (
    EVENT_NAMES,
    AgentSettings,
    ChannelSettings,
    HttpAgentSettings,
    IntercomSettings,
    ScriptedAgentSettings,
    ScriptedHandover,
    ScriptRule,
    Settings,
    SubscriberSettings,
    WebWidgetSettings,
    Workspace,
)

__all__ = [
    "EVENT_NAMES",
    "AgentSettings",
    "ChannelSettings",
    "HttpAgentSettings",
    "IntercomSettings",
    "ScriptRule",
    "ScriptedAgentSettings",
    "ScriptedHandover",
    "Settings",
    "SubscriberSettings",
    "WebWidgetSettings",
    "Workspace",
    "load_settings",
]
