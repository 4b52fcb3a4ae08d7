"""The REST API, version 1: what programs read and ask for; described at /api/v1/openapi.json."""

from __future__ import annotations

from flask import Flask

from gateway import __version__
from gateway.api.callers import require_caller, tell_standing
from gateway.api.doors.access import add_access_doors
from gateway.api.doors.acts import add_act_doors
from gateway.api.doors.among import add_people_doors
from gateway.api.doors.audit import add_audit_doors
from gateway.api.doors.avatars import add_avatar_doors
from gateway.api.doors.backfills import add_backfill_doors
from gateway.api.doors.channels import add_channel_doors
from gateway.api.doors.contacts import add_contact_doors
from gateway.api.doors.deliveries import add_delivery_doors
from gateway.api.doors.events import add_event_doors
from gateway.api.doors.files import add_file_doors
from gateway.api.doors.installations import add_installation_doors
from gateway.api.doors.looking import add_looking_doors
from gateway.api.doors.operators import add_operator_doors
from gateway.api.doors.passes import add_pass_doors
from gateway.api.doors.privacy import add_privacy_doors
from gateway.api.doors.sessions import add_session_doors
from gateway.api.doors.statistics import add_statistics_doors
from gateway.api.doors.subscribers import add_subscriber_doors
from gateway.api.doors.teams import add_team_doors
from gateway.api.doors.turns import add_turn_doors
from gateway.api.rooms import House, Room
from gateway.api.trail import Trail
from gateway.rails.parsing import bound_body
from gateway.wiring import Parts

PREFIX = "/api/v1"
EVENTS = f"{PREFIX}/events"


def add_api(app: Flask, parts: Parts) -> None:
    """Add every door under /api/v1, and the document that describes them."""
    app.config.update(
        API_TITLE="Channel gateway",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=PREFIX,
        OPENAPI_JSON_PATH="openapi.json",
    )
    api = House(app)
    api.spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    trail = Trail(parts.database, parts.clock, parts.settings.api.trusted_proxies)
    people = Room("api", trail=trail, url_prefix=PREFIX, description="For operators' programs")
    people.before_request(bound_body)
    people.before_request(
        require_caller(parts.database, parts.callers, parts.signins, parts.cookie)
    )
    people.before_request(parts.refresh)
    people.after_request(tell_standing)
    add_session_doors(people, parts)
    add_act_doors(people, parts)
    add_file_doors(people, parts)
    add_contact_doors(people, parts)
    add_privacy_doors(people, parts)
    add_people_doors(people, parts)
    add_looking_doors(people, parts)
    add_delivery_doors(people, parts)
    add_channel_doors(people, parts)
    add_installation_doors(people, parts)
    add_pass_doors(people, parts)
    add_backfill_doors(people, parts)
    add_operator_doors(people, parts)
    add_access_doors(people, parts)
    add_avatar_doors(people, parts)
    add_team_doors(people, parts)
    add_audit_doors(people, parts)
    add_subscriber_doors(people, parts)
    add_event_doors(people, parts)
    add_statistics_doors(people, parts)
    agents = Room("turns", trail=trail, url_prefix=PREFIX, description="For AI agents")
    agents.before_request(bound_body)
    agents.before_request(parts.refresh)
    add_turn_doors(agents, parts)
    api.register_blueprint(people)
    api.register_blueprint(agents)
