"""Settings: read once from the environment and one TOML file, checked as a whole, then frozen."""

from gateway.config.load import load_settings
from gateway.config.settings import (
    EVENT_NAMES,
    USUAL_EVENTS,
    AgentSettings,
    AlertSettings,
    ChannelSettings,
    EventName,
    HttpAgentSettings,
    IntercomSettings,
    ScriptedAgentSettings,
    ScriptedHandover,
    ScriptRule,
    Settings,
    SmtpSettings,
    SubscriberSettings,
    WebWidgetSettings,
    Workspace,
)

__all__ = [
    "EVENT_NAMES",
    "USUAL_EVENTS",
    "AgentSettings",
    "AlertSettings",
    "ChannelSettings",
    "EventName",
    "HttpAgentSettings",
    "IntercomSettings",
    "ScriptRule",
    "ScriptedAgentSettings",
    "ScriptedHandover",
    "Settings",
    "SmtpSettings",
    "SubscriberSettings",
    "WebWidgetSettings",
    "Workspace",
    "load_settings",
]
