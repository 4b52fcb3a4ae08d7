"""Workspaces that have installed a public app, and what each decides for itself."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from gateway.api.schemas.base import MOMENT, Told, about, example
from gateway.rails.parsing import Flag, Words

STATES = ("active", "seatless", "revoked", "uninstalled")

_ID = r"[A-Za-z0-9_-]{1,64}"
_CHOICES = {
    "first_mode": ("ai", "copilot"),
    "on_unassigned": ("keep", "ai", "human"),
    "other_bot": ("ignore", "human"),
    "email_conversations": ("human", "ai"),
    "drafts": ("note", "none"),
}


def _choice(name: str) -> Words:
    words = _CHOICES[name]
    return Words(
        allow_none=True, validate=validate.OneOf(words),
        metadata=about("null: as the app's table says", words[0]),
    )  # fmt: skip


def _flag() -> Flag:
    return Flag(allow_none=True, metadata=about("null: as the app's table says", True))


class InstallationBody(ma.Schema):
    """What is to be changed for one workspace; what is left out stays."""

    seat = Words(
        validate=validate.Regexp(rf"^{_ID}\Z", error="Must be the id of a teammate."),
        metadata=about("the id of the teammate as which the AI answers", "814860"),
    )
    agent = Words(
        allow_none=True, validate=validate.Length(min=1, max=64),
        metadata=about("one of the [agents.…]; null: as the app's table says", "support"),
    )  # fmt: skip
    hand_over_to = Words(
        allow_none=True,
        validate=validate.Regexp(
            rf"^((team|admin):{_ID})?\Z", error='Must be "team:ID" or "admin:ID", or empty.'
        ),
        metadata=about("whom a handover assigns; empty: nobody", "team:5017690"),
    )
    ai_teams = fields.List(
        Words(validate=validate.Regexp(rf"^{_ID}\Z", error="Must be the id of a team.")),
        allow_none=True, validate=validate.Length(max=100),
        metadata=about("teams whose conversations the AI answers", ["5017702"]),
    )  # fmt: skip
    answer_when = fields.List(
        Words(validate=validate.OneOf(("bot", "unassigned"))),
        allow_none=True, validate=validate.Length(max=2),
        metadata=about("null: as the app's table says", ["bot"]),
    )  # fmt: skip
    first_mode = _choice("first_mode")
    on_unassigned = _choice("on_unassigned")
    takeover_on_reply = _flag()
    other_bot = _choice("other_bot")
    email_conversations = _choice("email_conversations")
    identity_verification = _flag()
    push_contacts = _flag()
    drafts = _choice("drafts")


class WorkspaceSettingsSchema(Told):
    """What holds for one workspace."""

    agent = fields.String(metadata=example("support"))
    hand_over_to = fields.String(metadata=example("team:5017690"))
    ai_teams = fields.List(fields.String(), metadata=example(["5017702"]))
    answer_when = fields.List(fields.String(), metadata=example(["bot"]))
    first_mode = fields.String(metadata=example("ai"))
    on_unassigned = fields.String(metadata=example("keep"))
    takeover_on_reply = fields.Boolean(metadata=example(True))
    other_bot = fields.String(metadata=example("ignore"))
    email_conversations = fields.String(metadata=example("human"))
    identity_verification = fields.Boolean(metadata=example(False))
    push_contacts = fields.Boolean(metadata=example(True))
    drafts = fields.String(metadata=example("note"))


class InstallationSchema(Told):
    """A workspace that has installed a public app; nothing is told of its token."""

    channel = fields.String(metadata=example("acme.abc123def"))
    app = fields.String(metadata=about("the app's name in the settings", "acme"))
    workspace = fields.String(metadata=about("the workspace's own id", "abc123def"))
    title = fields.String(metadata=example("Acme Support"))
    region = fields.String(metadata=example("eu"))
    state = fields.String(
        validate=validate.OneOf(STATES),
        metadata=about("any other than active: the channel is paused", "active"),
    )
    since = fields.DateTime(metadata=about("when this state began", MOMENT))
    why = fields.String(allow_none=True, metadata=about("why it is paused", None))
    seat = fields.String(
        allow_none=True, metadata=about("the teammate as which the AI answers", "814860")
    )
    settings = fields.Nested(WorkspaceSettingsSchema)
    decided = fields.List(
        fields.String(), metadata=about("what this workspace has decided itself", ["agent"])
    )
    installed_at = fields.DateTime(metadata=example(MOMENT))
    installed_by = fields.String(allow_none=True, metadata=example("Ann Lee"))


def changes_of(body: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The seat, and the settings."""
    settings = {name: value for name, value in body.items() if name != "seat"}
    return body.get("seat"), settings
