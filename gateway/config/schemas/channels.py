"""`[channels.…]` of every kind."""

import re
from typing import Any, cast

from marshmallow import (
    ValidationError,
    post_load,
    validate,
    validates_schema,
)

from gateway.config.kinds import (
    Choice,
    Color,
    ContactAttributes,
    Count,
    Flag,
    IdentitySecret,
    Number,
    OneOrMore,
    PageOrigin,
    Seconds,
    Secret,
    Text,
    WebAddress,
    Word,
    needed,
)
from gateway.config.schemas.table import Table

REGIONS = {
    "us": "https://api.intercom.io",
    "eu": "https://api.eu.intercom.io",
    "au": "https://api.au.intercom.io",
}


_DAYS = validate.Range(min=0, max=36_500, error="must be a number of days from 0 to 36500")


class ChannelTable(Table):
    """What every `[channels.…]` holds."""

    kind = Word()
    agent = Word(**needed("the name of one of the [agents.…]"))
    retention_days = Number(validate=_DAYS)
    payload_days = Number(validate=_DAYS)


CONSENT = {
    "us": "https://app.intercom.com/oauth",
    "eu": "https://app.eu.intercom.com/oauth",
    "au": "https://app.au.intercom.com/oauth",
}


class IntercomRulesTable(ChannelTable):
    """What private and public apps of Intercom have in common."""

    client_secret = OneOrMore(Secret(), **needed("the client secret of your Intercom app"))
    region = Choice(*REGIONS)
    base_url = WebAddress()
    api_version = Word()
    answer_when = OneOrMore(Choice("bot", "unassigned"), only_lists=True)
    first_mode = Choice("ai", "copilot")
    on_unassigned = Choice("keep", "ai", "human")
    takeover_on_reply = Flag()
    other_bot = Choice("ignore", "human")
    email_conversations = Choice("human", "ai")
    identity_verification = Flag()
    push_contacts = Flag()
    contact_attributes = ContactAttributes()
    drafts = Choice("note", "none")
    reconcile_every_s = Seconds()
    answer_late_s = Seconds()
    hand_over_late_s = Seconds()

    @validates_schema(skip_on_field_errors=False)
    def check_version(self, data: dict[str, Any], **_: Any) -> None:
        """Check what has a shape of its own."""
        if not re.fullmatch(r"\d+\.\d+", data.get("api_version", "2.14")):
            raise ValidationError('must be a version such as "2.14"', "api_version")


class IntercomTable(IntercomRulesTable):
    """`kind = "intercom"`"""

    access_token = Secret(**needed("the access token of your Intercom app"))
    bot_admin_id = Word(**needed("the id of the teammate as which the AI answers"))
    hand_over_to = Text()
    ai_teams = OneOrMore(Word(), only_lists=True)
    app_id = Text()

    @validates_schema(skip_on_field_errors=False)
    def check_shapes(self, data: dict[str, Any], **_: Any) -> None:
        """Check what has a shape of its own."""
        errors = {}
        target = data.get("hand_over_to", "")
        if target and not re.fullmatch(r"(team|admin):[A-Za-z0-9_-]+", target):
            errors["hand_over_to"] = ['must be "team:ID" or "admin:ID", or be left out']
        elif target and target == f"admin:{data.get('bot_admin_id')}":
            errors["hand_over_to"] = ["names the bot itself; name a team or another admin"]
        if errors:
            raise ValidationError(cast(Any, errors))

    @post_load
    def fill_base_url(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The address follows from the region unless it is set."""
        return {"base_url": REGIONS[data.get("region", "us")], **data}


class IntercomAppTable(IntercomRulesTable):
    """`kind = "intercom"` with a `client_id`: what belongs to one workspace is set in the console.

    Intercom gives tokens of every region at one address, so `base_url` does not follow from it.
    """

    client_id = Word(**needed("the client id of your Intercom app"))
    consent_url = WebAddress()

    @post_load
    def fill_consent_url(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The address follows from the region unless it is set."""
        return {"consent_url": CONSENT[data.get("region", "us")], **data}


class WebWidgetTable(ChannelTable):
    """`kind = "webwidget"`"""

    key = Word(**needed("a public name for this deployment"))
    allowed_origins = OneOrMore(PageOrigin(), **needed("the origins of your pages, in a list"))
    identity_secret = OneOrMore(IdentitySecret())
    title = Text(validate=validate.Length(max=80, error="must have at most 80 characters"))
    welcome_message = Text(
        validate=validate.Length(max=4_000, error="must have at most 4000 characters")
    )
    ai_name = Text(validate=validate.Length(max=80, error="must have at most 80 characters"))
    quick_replies = OneOrMore(Word(), only_lists=True)
    color = Color()
    rating = Flag()
    demo_page = Flag()
    token_days = Number(
        validate=validate.Range(min=1, max=365, error="must be a number of days from 1 to 365")
    )
    requests_per_second = Count(least=1, most=10_000)
    address_requests_per_second = Count(least=1, most=100_000)
