"""What can be set, with its defaults. Secrets never appear in a `repr`.

`name` and `kind` come from the table's place in the file; every other field is a key of its own.
Times are in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args
from zoneinfo import ZoneInfo

from gateway import hours
from gateway.config.filetypes import USUAL
from gateway.config.sign_in import SignInSettings
from gateway.ladder import AWAY, Rung
from gateway.rules import HandoverRule

EventName = Literal[
    "session.started", "session.handed_over", "session.assigned", "session.returned",
    "session.finished", "session.updated", "session.overdue", "session.read", "session.rated",
    "message.created", "message.updated", "note.created", "note.updated", "draft.created",
    "draft.updated", "contact.updated",
]  # fmt: skip
# What the gateway tells of, and subscribers may ask for.
EVENT_NAMES: tuple[EventName, ...] = get_args(EventName)
# What streams show besides: it is never written down, so nobody can go on after it.
FLEETING_EVENT_NAMES = ("session.typing", "session.looking")
# What subscribers get who do not say what they want (DESIGN.md 5.5). Notes and drafts never.
USUAL_EVENTS: tuple[EventName, ...] = (
    "session.started",
    "session.handed_over",
    "session.assigned",
    "session.returned",
    "session.finished",
    "message.created",
    "contact.updated",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """`[workspace]`: the organisation that this gateway serves."""

    # Shown to people on the pages.
    name: str = "Support"
    # IANA name; every date that a person reads is in it.
    time_zone: str = "UTC"
    # When people work, unless an operator has hours of their own; in the time zone.
    working_hours: str = "always"

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.time_zone)

    @property
    def week(self) -> hours.Hours:
        """The working hours themselves."""
        return hours.read_hours(self.working_hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """`[agents.NAME]`: an AI agent and the rules that its answers live under."""

    kind: ClassVar[str]

    # The name in the table's header; channels refer to it.
    name: str
    # How long one question to the agent may take.
    timeout_s: float = 30.0
    # How long to wait for the end of a customer's burst of messages before asking.
    debounce_s: float = 1.0
    # ... and the longest such wait, however long the burst.
    debounce_max_s: float = 10.0
    # How long an answer announced with 202 may take to come to the reply address.
    reply_within_s: float = 120.0
    # May the agent hand over by its own decision?
    allow_handover: bool = True
    # May it hand over because the customer asked for a person?
    allow_customer_request: bool = True
    # Said by the gateway after a handover has committed; empty: nothing is said.
    handover_message: str = ""
    # When to hand over, in words; sent to the agent with every turn.
    handover_conditions: str = ""
    # When the gateway hands over by itself, without asking anybody's opinion.
    handover_rules: tuple[HandoverRule, ...] = ()
    # So many exchanges in a row that look automatic end in a handover; 0: never.
    loop_guard_turns: int = 5
    # More answers than this in one session within 24 hours end in a handover; 0: no limit.
    max_answers_a_day: int = 200
    # A session without a word for this long is finished; 0: never.
    idle_timeout_s: float = 86_400.0
    # The same for what a person holds, if the customer does not wait; 0: what a person holds, a
    # person ends.
    idle_timeout_human_s: float = 0.0
    # ... and for what a person holds with the copilot.
    idle_timeout_copilot_s: float = 0.0
    # Where in its answers details of the customer lie: detail → path, as `parameters.email`.
    contact_fields: Mapping[str, str] = field(default_factory=dict)
    # E-mail addresses of the operators who are asked first when a person is needed.
    operators: tuple[str, ...] = ()
    # The team that is asked next, or first where no operators are named.
    team: str = ""
    # "queue": whoever accepts first; "round_robin": offered to one after the other.
    routing: Literal["queue", "round_robin"] = "queue"
    # Do operators get an e-mail when somebody waits and none of them is online?
    email_when_waiting: bool = True
    # How long an offer to one person stands before the next is asked (round robin).
    offer_s: float = 60.0
    # Said instead of promising a person when nobody works; empty: nothing is said. A line with
    # {opens_at} is left out where that is not known.
    away_message: str = AWAY
    # What is done when a customer waits too long for people; empty: as the channel's kind has it.
    ladder: tuple[Rung, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAgentSettings(AgentSettings):
    """`kind = "http"`: an agent behind an address of its own (DESIGN.md 5.4)."""

    kind: ClassVar[str] = "http"

    # Where turns are posted.
    url: str
    # `whsec_…` (base64); signs requests both ways, as Standard Webhooks has it; a list while one is
    # being replaced.
    secret: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIAgentSettings(AgentSettings):
    """`kind = "openai"`: a model behind a chat endpoint in OpenAI's form."""

    kind: ClassVar[str] = "openai"

    # The model's name at that endpoint.
    model: str
    # Sent as a bearer token; empty: nothing is sent.
    api_key: str = field(default="", repr=False)
    # The address above `/chat/completions`.
    base_url: str = "https://api.openai.com/v1"
    # Who the AI is, what it knows, how it speaks.
    instructions: str = ""
    # Not set: the endpoint's own.
    temperature: float | None = None
    # How much of the conversation is told, newest messages first.
    max_history_bytes: int = 32_000
    # More fields of each request.
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedHandover:
    """What a scripted rule hands over with."""

    # Who decided: `automatic` (the agent) or `customer_request`.
    trigger: Literal["automatic", "customer_request"] = "automatic"
    # Why, in a few words; kept and shown.
    reason: str = ""
    # What the person taking over should know.
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptRule:
    """One entry of a script: the first rule whose pattern is found in the message answers."""

    # A regular expression, searched for in the customer's words without regard to case.
    pattern: str
    # The turn's causes that it answers (`message`, `returned`, `draft`); empty: all.
    after: tuple[str, ...] = ()
    # A named group of the pattern must be a number above this.
    above: Mapping[str, float] = field(default_factory=dict)
    # What is said, a message each; `{order}` stands for a group of the pattern or a known value.
    reply: tuple[str, ...] = ()
    # One more message, another one each time.
    one_of: tuple[str, ...] = ()
    # What is recorded about the session as parameters.
    parameters: Mapping[str, Any] = field(default_factory=dict)
    # ... and as results.
    results: Mapping[str, Any] = field(default_factory=dict)
    # Hands the session over after the reply.
    handover: ScriptedHandover | None = None
    # Finishes the session after the reply.
    finish: bool = False
    # The rules after this one may add to the answer.
    goes_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedAgentSettings(AgentSettings):
    """`kind = "scripted"`: answers from a list of patterns; for trying things out without an AI."""

    kind: ClassVar[str] = "scripted"

    # The rules, tried in order; in the file also the path of another TOML file with `[[script]]`.
    script: tuple[ScriptRule, ...] = ()
    # Said when no rule matches; empty: nothing is said.
    fallback_reply: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """`[channels.NAME]`: a place where customers write."""

    kind: ClassVar[str]

    # The name in the table's header; part of addresses such as `/webhooks/NAME`.
    name: str
    # The AI agent that answers here: a name of `[agents.…]`.
    agent: str
    # For how many days it is kept what was said in a session that has ended; 0: for good.
    retention_days: float = 0.0
    # ... and what the channel delivered, as it came; 0: for good.
    payload_days: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IntercomRules(ChannelSettings):
    """What Intercom's private and public apps have in common."""

    kind: ClassVar[str] = "intercom"

    # Checks the signature of notifications; a list while a secret is being replaced.
    client_secret: tuple[str, ...] = field(repr=False)
    # Where the workspace lives.
    region: Literal["us", "eu", "au"] = "us"
    # Address of the API; follows from the region unless set (stand-in, tests).
    base_url: str = "https://api.intercom.io"
    # Version of the API, sent as `Intercom-Version`.
    api_version: str = "2.14"
    # A new conversation with which assignee is the AI's to answer.
    answer_when: tuple[Literal["bot", "unassigned"], ...] = ("bot", "unassigned")
    # The mode in which the AI begins: it answers, or drafts for a person.
    first_mode: Literal["ai", "copilot"] = "ai"
    # What the mode becomes when an assignee is removed later.
    on_unassigned: Literal["keep", "ai", "human"] = "keep"
    # Does a teammate who replies without assigning take over?
    takeover_on_reply: bool = True
    # What happens when Fin or another bot writes while the AI is in charge.
    other_bot: Literal["ignore", "human"] = "ignore"
    # Who answers e-mail conversations (Intercom may not mail a bot's reply).
    email_conversations: Literal["human", "ai"] = "human"
    # Does the workspace enforce identity verification? Then what users prove there is verified.
    identity_verification: bool = False
    # Do edits and marks of 360 View go to the contact in Intercom?
    push_contacts: bool = True
    # Which attribute of a contact in Intercom each `custom.FIELD` is; no other field is shared.
    contact_attributes: Mapping[str, str] = field(default_factory=dict)
    # Where copilot's drafts appear.
    drafts: Literal["note", "none"] = "note"
    # How often is looked for what notifications missed; 0: only on demand.
    reconcile_every_s: float = 600.0
    # A message found late, by reconciling, is answered by the AI when younger than this ...
    answer_late_s: float = 900.0
    # ... and handed to a person when younger than this; older ones are history.
    hand_over_late_s: float = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IntercomSettings(IntercomRules):
    """`kind = "intercom"`: an Intercom workspace, by a private app."""

    # The app's access token.
    access_token: str = field(repr=False)
    # The teammate as which the AI answers.
    bot_admin_id: str
    # Whom a handover assigns: `team:ID` or `admin:ID`; empty: the conversation is unassigned.
    hand_over_to: str = ""
    # Teams whose conversations the AI answers.
    ai_teams: tuple[str, ...] = ()
    # Notifications of other apps are kept apart; empty: pinned by the first signed one.
    app_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntercomAppSettings(IntercomRules):
    """`kind = "intercom"` with a `client_id`: a public app, which many workspaces install."""

    # The app's client id.
    client_id: str
    # Where an admin of a workspace allows the app in; follows from the region unless set.
    consent_url: str = "https://app.intercom.com/oauth"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebWidgetSettings(ChannelSettings):
    """`kind = "webwidget"`: our own chat on a web page."""

    kind: ClassVar[str] = "webwidget"

    # Public; names the deployment in the page.
    key: str
    # Origins whose pages may embed the widget.
    allowed_origins: tuple[str, ...]
    # Signs known visitors (JWT, HS256); a list while a secret is being replaced; empty: every
    # visitor is anonymous.
    identity_secret: tuple[str, ...] = field(default=(), repr=False)
    # What stands above the talk.
    title: str = ""
    # The first words that a visitor sees, in Markdown; empty: none.
    welcome_message: str = ""
    # What visitors know the AI by; empty: no name.
    ai_name: str = ""
    # Texts that a visitor may send with one click.
    quick_replies: tuple[str, ...] = ()
    # The colour of the launcher and of the visitor's own words.
    color: str = "#1f5eff"
    # Is the visitor asked how it was when a session is finished?
    rating: bool = True
    # Is there a page to try it, `/widget/demo/NAME`?
    demo_page: bool = False
    # How many days a visitor who does not come back is known.
    token_days: float = 30.0
    # How many calls a second a visitor may make in the long run.
    requests_per_second: int = 10
    # ... and everybody together behind one address.
    address_requests_per_second: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberSettings:
    """`[[subscribers]]`: who is told of events."""

    # What it is called in the API and in logs; empty: made of the address.
    name: str = ""
    # Where events are posted.
    url: str = field(repr=False)
    # `whsec_…` (base64); signs them; a list while one is being replaced.
    secret: tuple[str, ...] = field(repr=False)
    # Which events.
    events: tuple[str, ...] = USUAL_EVENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings:
    """`[events]`: how long events are kept for those who follow them."""

    # For how many days a reader may be away and go on where it was.
    keep_days: float = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """`[smtp]`: the mail server that takes alerts."""

    # Its name or address.
    host: str
    # Its port; 0: 587 with STARTTLS, 465 with TLS, 25 without.
    port: int = 0
    # Who we are there; empty: no login.
    username: str = ""
    password: str = field(default="", repr=False)
    # How the connection is protected.
    security: Literal["starttls", "tls", "none"] = "starttls"
    # Whom mails come from: `name@host` or `Name <name@host>`.
    sender: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """`[alerts]`: who is told when something is wrong with a channel."""

    # Who gets e-mail.
    email_to: tuple[str, ...] = ()
    # Where alerts are posted.
    webhook_url: str = field(default="", repr=False)
    # `whsec_…` (base64); signs them; a list while one is being replaced.
    webhook_secret: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """`[api]`: what callers of the REST API may do."""

    # How many calls a second a token may make in the long run.
    requests_per_second: int = 50
    # ... and within one second; at least twice as many.
    burst: int = 100
    # How many proxies of ours stand in front and add to X-Forwarded-For.
    trusted_proxies: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """`[audit]`: how long it is kept who did what."""

    # Entries older than so many days are removed; 0: never.
    keep_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """`[files]`: what visitors and operators may send besides words, and where it lies."""

    # Where the bytes lie: a folder, or any address that fsspec knows; empty: `files` in the data
    # folder.
    url: str = ""
    # What fsspec is told besides: keys, an endpoint.
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    # How large one file may be.
    max_bytes: int = 10 * 1024 * 1024
    # What is taken, by content, each type by its usual ending; empty: no files at all.
    types: tuple[str, ...] = USUAL
    # How many files one visitor may upload within 24 hours ...
    visitor_files_per_day: int = 50
    # ... and how many bytes.
    visitor_bytes_per_day: int = 100 * 1024 * 1024
    # For how many days a file that was uploaded and never sent is kept.
    keep_days: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that is set, read once at start."""

    # `[workspace]`
    workspace: Workspace = field(default_factory=Workspace)
    # `[agents.…]` by name
    agents: Mapping[str, AgentSettings] = field(default_factory=dict)
    # `[channels.…]` by name
    channels: Mapping[str, ChannelSettings] = field(default_factory=dict)
    # `[[subscribers]]`
    subscribers: tuple[SubscriberSettings, ...] = ()
    # `[events]`
    events: EventSettings = field(default_factory=EventSettings)
    # `[smtp]`
    smtp: SmtpSettings | None = None
    # `[alerts]`
    alerts: AlertSettings = field(default_factory=AlertSettings)
    # `[api]`
    api: ApiSettings = field(default_factory=ApiSettings)
    # `[sign_in]`
    sign_in: SignInSettings = field(default_factory=SignInSettings)
    # `[audit]`
    audit: AuditSettings = field(default_factory=AuditSettings)
    # `[files]`
    files: FileSettings = field(default_factory=FileSettings)
    # GATEWAY_DATABASE_URL, in SQLAlchemy's spelling (may hold a password).
    database_url: str = field(repr=False)
    # GATEWAY_REDIS_URL; None: `gateway up` runs its own Valkey.
    redis_url: str | None = field(default=None, repr=False)
    # GATEWAY_SECRET_KEY; what the gateway signs is signed with keys made of it.
    secret_key: str = field(repr=False)
    # GATEWAY_SECRET_KEY_PREVIOUS: what was signed with these still holds.
    previous_secret_keys: tuple[str, ...] = field(default=(), repr=False)
    # GATEWAY_PUBLIC_URL: how the world reaches us, without a slash at the end.
    public_url: str = "http://127.0.0.1:8080"
    # GATEWAY_DATA_DIR: where the gateway keeps its files.
    data_dir: Path

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The key that signs, and after it those that are only believed."""
        return (self.secret_key, *self.previous_secret_keys)
