"""Settings → Parts: the one place where the pieces meet, for the web and for workers alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import redis

from gateway.agents.base import Agent, AIAgent
from gateway.agents.http import HttpAgent
from gateway.agents.openai import OpenAIAgent
from gateway.agents.scripted import ScriptedAgent
from gateway.channels import intercom, webwidget
from gateway.channels.base import App, Channel
from gateway.channels.intercom.apps import open_app
from gateway.channels.webwidget.backend import Visitor
from gateway.channels.webwidget.deployments import Deployment, Deployments
from gateway.channels.webwidget.identity import Identities
from gateway.channels.webwidget.talk import Teller
from gateway.channels.webwidget.tickets import Tickets
from gateway.channels.webwidget.tokens import Tokens
from gateway.clock import Clock, SystemClock
from gateway.config import (
    AgentSettings,
    ChannelSettings,
    HttpAgentSettings,
    IntercomAppSettings,
    IntercomSettings,
    OpenAIAgentSettings,
    ScriptedAgentSettings,
    Settings,
    WebWidgetSettings,
)
from gateway.conversations.doors import handover_refusal
from gateway.errors import ConfigError
from gateway.feed import Bell, Hints
from gateway.files import Files, Links, Vault
from gateway.inbox import Inbox
from gateway.installing import Installing, LiveChannels, PerChannel, Seals
from gateway.people.availability import Availability
from gateway.people.lookers import Lookers
from gateway.people.presence import Presences
from gateway.people.reception import Receptions
from gateway.people.signins import Signins
from gateway.policy import AgentTerms, Terms
from gateway.quota import Quota
from gateway.quota.callers import Callers
from gateway.rails.cookies import Cookie, signin_cookie
from gateway.reading.events import Wording
from gateway.signs import SinkName
from gateway.sinks import Sink, open_sinks
from gateway.sinks.waiting import WaitMailer
from gateway.store import Database
from gateway.streams import Guest, Hub
from gateway.streams.stream import Followed
from gateway.subscribers.posting import Poster
from gateway.visitors import Visitors, still_in
from gateway.wake import Waker, impatient_redis
from gateway.watch.looking import Watched

if TYPE_CHECKING:
    from gateway.oidc import Elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything a process works with. Nothing in it is connected before it is used.

    `doors` are those that take notifications; `refresh` has a process see which channels there are
    now, and is called before something is taken in or begun.
    """

    settings: Settings
    clock: Clock
    database: Database
    channels: Mapping[str, Channel]
    doors: Mapping[str, Channel]
    refresh: Callable[[], None]
    installing: Installing
    agents: Mapping[str, Agent]
    terms: Mapping[str, Terms]
    waker: Waker
    inbox: Inbox
    watched: Mapping[str, Watched]
    sinks: Mapping[SinkName, Sink]
    presences: Presences
    lookers: Lookers
    signins: Signins
    elsewhere: Elsewhere | None
    cookie: Cookie
    availability: Availability
    callers: Callers
    subscribers: Mapping[str, Poster]
    wording: Wording
    bell: Bell
    wait_mailer: WaitMailer | None
    streams: Hub
    reception: Receptions
    hints: Hints
    visitors: Visitors
    widgets: Deployments
    files: Files
    tickets: Tickets

    def link(self, session_id: str) -> str:
        """Where a person reads a session in the browser."""
        return link_to(self.settings, session_id)


def link_to(settings: Settings, session_id: str) -> str:
    """The address at which a person reads a session in the browser."""
    return f"{settings.public_url}/console/sessions/{session_id}"


def place_of_files(settings: Settings) -> str:
    """The folder in which the bytes of files lie, or another address that fsspec knows."""
    place = settings.files.url or "files"
    return place if "://" in place else str(settings.data_dir / place)


def build(settings: Settings, *, clock: Clock | None = None) -> Parts:
    """Wire a process; raises ConfigError for what cannot be built from these settings."""
    clock = clock or SystemClock()
    problems: list[str] = []
    agents = {name: _agent(agent, settings) for name, agent in settings.agents.items()}
    channels: dict[str, Channel] = {}
    connection = impatient_redis(settings.redis_url) if settings.redis_url else None
    apps: dict[str, App] = {}
    for name, channel in settings.channels.items():
        if isinstance(channel, IntercomAppSettings):
            apps[name] = open_app(channel, partial(_quota, connection))
            continue
        built = _channel(name, channel, settings.secret_keys, connection)
        if built is None:
            problems.append(
                f"[channels.{name}] kind: {channel.kind!r} is not available in this version; "
                "remove the table"
            )
        else:
            channels[name] = built
    if problems:
        raise ConfigError(problems)
    database = Database(settings.database_url, clock=clock)
    seals = Seals(settings.secret_key, settings.previous_secret_keys)
    live = LiveChannels(channels, apps, agents, database, seals, clock)
    terms = PerChannel(live, lambda one: Terms(channel=one, agent=agents[one.agent]))
    availability = Availability(settings.workspace.zone, settings.workspace.week, agents)
    reception = Receptions(availability, settings.workspace.zone, settings.workspace.week)
    waker = Waker(connection)
    bell = Bell(connection, partial(waker.wake, "events") if settings.subscribers else None)
    database.ring = bell.ring
    wording = Wording(refusal=_refusal, zone=settings.workspace.zone)
    hints = Hints(connection)
    streams = Hub(
        database, wording, bell, settings.redis_url, hints=hints, still_in=still_in, clock=clock
    )
    files = _files(settings, database, clock)
    return Parts(
        settings=settings,
        clock=clock,
        database=database,
        channels=live,
        refresh=live.refresh,
        doors={**channels, **{name: app.door for name, app in apps.items()}},
        installing=Installing(database, apps, live, seals, waker.wake, clock, settings.public_url),
        agents=agents,
        terms=terms,
        waker=waker,
        inbox=Inbox(database, live, terms, clock, waker.wake, partial(link_to, settings)),
        watched=PerChannel(live, partial(_watched, settings)),
        sinks=open_sinks(settings, clock),
        presences=Presences(connection, clock),
        lookers=Lookers(connection, clock),
        signins=Signins(database, clock),
        elsewhere=_elsewhere(settings, database, clock),
        cookie=signin_cookie(settings.public_url),
        callers=Callers(
            connection, per_second=settings.api.requests_per_second, burst=settings.api.burst
        ),
        subscribers={one.name: Poster(one, clock) for one in settings.subscribers},
        wording=wording,
        bell=bell,
        wait_mailer=_wait_mailer(settings, clock),
        streams=streams,
        hints=hints,
        availability=availability,
        reception=reception,
        visitors=Visitors(database, clock, reception, hints, partial(_follow, streams), files),
        widgets=_widgets(settings, channels, connection, clock),
        files=files,
        tickets=Tickets(settings.secret_keys, clock),
    )


def _widgets(
    settings: Settings,
    channels: Mapping[str, Channel],
    connection: redis.Redis | None,
    clock: Clock,
) -> Deployments:
    return Deployments(
        [
            _deployment(channels[name], channel, settings.public_url, connection, clock)
            for name, channel in settings.channels.items()
            if isinstance(channel, WebWidgetSettings)
        ],
        Tokens(settings.secret_keys, clock),
        strangers=Callers(connection, per_second=1, burst=20),
    )


def _follow(
    streams: Hub, visitor: Visitor, until: int, hang_up: Callable[[], object] | None
) -> Followed:
    guest = Guest(
        channel=visitor.channel, visitor=visitor.id, generation=visitor.generation, until=until
    )
    return streams.follow(guest, hang_up)


def _deployment(
    channel: Channel,
    settings: WebWidgetSettings,
    public_url: str,
    connection: redis.Redis | None,
    clock: Clock,
) -> Deployment:
    if settings.demo_page:  # a page of our own
        ours = "{0.scheme}://{0.netloc}".format(urlsplit(public_url))
        settings = replace(settings, allowed_origins=(*settings.allowed_origins, ours))

    def callers(per_second: int) -> Callers:
        return Callers(connection, per_second=per_second, burst=2 * per_second)

    return Deployment(
        channel=channel,
        settings=settings,
        identities=Identities(settings.identity_secret, clock),
        teller=Teller(ai_name=settings.ai_name, address=f"{public_url}/widget/v1"),
        visitors=callers(settings.requests_per_second),
        addresses=callers(settings.address_requests_per_second),
    )


def _files(settings: Settings, database: Database, clock: Clock) -> Files:
    return Files(
        database,
        Vault(place_of_files(settings), settings.files.options),
        settings.files,
        links=Links(settings.secret_keys),
        public_url=settings.public_url,
        clock=clock,
    )


def _elsewhere(settings: Settings, database: Database, clock: Clock) -> Elsewhere | None:
    if settings.sign_in.oidc is None:
        return None
    # Authlib takes a fifth of a second to import, and most gateways have no use for it.
    from gateway.oidc import open_provider

    return open_provider(settings.sign_in.oidc, settings, database, clock)


def _wait_mailer(settings: Settings, clock: Clock) -> WaitMailer | None:
    if settings.smtp is None:
        return None
    return WaitMailer(
        settings.smtp,
        workspace=settings.workspace,
        public_url=settings.public_url,
        clock=clock,
    )


def _refusal(status: str, mode: str) -> str | None:
    """Whether operators may hand over: an event has no caller whose role would decide it."""
    return handover_refusal("operator", status, mode)


def _watched(settings: Settings, channel: Channel) -> Watched:
    return Watched(
        terms=channel,
        judge=channel.judge,
        address=f"{settings.public_url}/webhooks/{channel.door}",
        door=channel.door,
        paused=channel.paused,
        pinned=channel.installation,
        reconcile_every_s=channel.reconcile_every_s,
    )


def _channel(
    name: str,
    settings: ChannelSettings,
    secret_keys: Sequence[str],
    connection: redis.Redis | None,
) -> Channel | None:
    match settings:
        case IntercomSettings():
            return intercom.open_channel(name, settings, _quota(connection, name))
        case WebWidgetSettings():
            return webwidget.open_channel(name, settings, secret_keys)
        case _:
            return None


def _quota(connection: redis.Redis | None, name: str) -> Quota:
    return Quota(connection, name, allowance=intercom.ALLOWANCE)


def _agent(settings: AgentSettings, all_settings: Settings) -> Agent:
    terms = {name: getattr(settings, name) for name in _TERMS}
    return Agent(asks=_asks(settings, AgentTerms(**terms), all_settings), **terms)


def _asks(settings: AgentSettings, terms: AgentTerms, all_settings: Settings) -> AIAgent:
    match settings:
        case HttpAgentSettings():
            return HttpAgent(
                settings.url,
                settings.secret,
                public_url=all_settings.public_url,
                timeout_s=settings.timeout_s,
                allow_handover=settings.allow_handover,
                allow_customer_request=settings.allow_customer_request,
                handover_conditions=settings.handover_conditions,
                handover_rules=terms.handover_rules,
            )
        case OpenAIAgentSettings():
            return OpenAIAgent(
                terms,
                base_url=settings.base_url,
                api_key=settings.api_key,
                model=settings.model,
                instructions=settings.instructions,
                temperature=settings.temperature,
                max_history_bytes=settings.max_history_bytes,
                options=settings.options,
            )
        case ScriptedAgentSettings():
            return ScriptedAgent(settings.script, fallback_reply=settings.fallback_reply)
        case _:
            raise ConfigError([f"[agents.{settings.name}] kind: not available in this version"])


_TERMS = tuple(
    rule.name for rule in fields(AgentTerms) if rule.name in AgentSettings.__dataclass_fields__
)
