"""What each table of the file may hold. Defaults stand in `settings.py`, and only there."""

from gateway.config.schemas.agents import (
    AgentTable,
    HttpAgentTable,
    OpenAIAgentTable,
    ScriptedAgentTable,
)
from gateway.config.schemas.channels import (
    REGIONS,
    ChannelTable,
    IntercomAppTable,
    IntercomTable,
    WebWidgetTable,
)
from gateway.config.schemas.others import (
    AlertsTable,
    ApiTable,
    AuditTable,
    EventsTable,
    FilesTable,
    SmtpTable,
    SubscriberTable,
    WorkspaceTable,
)
from gateway.config.schemas.sign_in import OidcTable, SignInTable
from gateway.config.schemas.table import Table

__all__ = [
    "REGIONS",
    "AgentTable",
    "AlertsTable",
    "ApiTable",
    "AuditTable",
    "ChannelTable",
    "EventsTable",
    "FilesTable",
    "HttpAgentTable",
    "IntercomAppTable",
    "IntercomTable",
    "OidcTable",
    "OpenAIAgentTable",
    "ScriptedAgentTable",
    "SignInTable",
    "SmtpTable",
    "SubscriberTable",
    "Table",
    "WebWidgetTable",
    "WorkspaceTable",
]
