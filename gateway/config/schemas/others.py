"""The tables around them: the workspace, who is told of what, the API, the audit."""

from typing import Any

from marshmallow import (
    ValidationError,
    fields,
    validate,
    validates_schema,
)

from gateway.config import settings
from gateway.config.filetypes import KNOWN
from gateway.config.kinds import (
    Choice,
    Count,
    Host,
    MailAddress,
    OneOrMore,
    Port,
    Secret,
    SigningSecret,
    Text,
    TimeZone,
    WebAddress,
    Word,
    WorkingHours,
    needed,
)
from gateway.config.schemas.table import Table


class WorkspaceTable(Table):
    """`[workspace]`"""

    name = Word()
    time_zone = TimeZone()
    working_hours = WorkingHours()


class SubscriberTable(Table):
    """One `[[subscribers]]`"""

    name = Word(
        validate=validate.Regexp(
            r"[a-z0-9][a-z0-9._-]{0,62}\Z",
            error="must be a word of small letters, digits, dots and hyphens",
        )
    )
    url = WebAddress(**needed("the address where events are posted"))
    secret = OneOrMore(SigningSecret(), **needed("the secret that signs events (whsec_…)"))
    events = OneOrMore(Choice(*settings.EVENT_NAMES), only_lists=True)


class EventsTable(Table):
    """`[events]`"""

    keep_days = fields.Float(
        allow_nan=False,
        error_messages={"invalid": "must be a number of days"},
        validate=validate.Range(min=1, max=90, error="must be between 1 and 90 days"),
    )


class SmtpTable(Table):
    """`[smtp]`"""

    host = Host(**needed("the name of your mail server"))
    port = Port()
    username = Text()
    password = Secret()
    security = Choice("starttls", "tls", "none")
    sender = MailAddress(named=True, **needed("the address that mails come from"))

    @validates_schema
    def check_login(self, data: dict[str, Any], **_: Any) -> None:
        """A login needs both halves, and a connection that nobody reads along."""
        if bool(data.get("username")) != bool(data.get("password")):
            raise ValidationError("must be set together with username", "password")
        if data.get("password") and data.get("security") == "none":
            raise ValidationError('would show the password; use "starttls" or "tls"', "security")


class ApiTable(Table):
    """`[api]`"""

    # Not below 50: that much is promised to whoever writes programs.
    requests_per_second = Count(least=50)
    burst = Count(least=50)
    trusted_proxies = Count(most=10)


class AuditTable(Table):
    """`[audit]`"""

    keep_days = Count(most=36_500)


class AlertsTable(Table):
    """`[alerts]`"""

    email_to = OneOrMore(MailAddress(), only_lists=True)
    webhook_url = WebAddress()
    webhook_secret = OneOrMore(SigningSecret())

    @validates_schema
    def check_webhook(self, data: dict[str, Any], **_: Any) -> None:
        """What is posted is signed."""
        if bool(data.get("webhook_url")) != bool(data.get("webhook_secret")):
            missing = "webhook_secret" if data.get("webhook_url") else "webhook_url"
            raise ValidationError(
                "is missing; webhook_url and webhook_secret belong together", missing
            )


class FilesTable(Table):
    """`[files]`"""

    url = Word()
    options = fields.Dict(
        keys=fields.String(), error_messages={"invalid": "must be a table of fsspec's options"}
    )
    max_bytes = Count(least=1024, most=1024**3)
    types = OneOrMore(Choice(*KNOWN), only_lists=True)
    visitor_files_per_day = Count(least=1)
    visitor_bytes_per_day = Count(least=1024, most=1024**4)
    keep_days = fields.Float(
        allow_nan=False,
        error_messages={"invalid": "must be a number of days"},
        validate=validate.Range(min=1, max=365, error="must be between 1 and 365 days"),
    )
