"""Sessions: which ones, and what is told of each."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.api.schemas.base import MOMENT, Told, about, example
from gateway.api.schemas.pages import PageQuery, PageSchema
from gateway.api.schemas.people import ResponsibleSchema, SomebodySchema
from gateway.rails.parsing import Moment, Words

STATUSES = ("active", "finished")
STEPS = ("accept", "first_reply", "reply")
MODES = ("ai", "human", "copilot")
TRIGGERS = ("manual", "automatic", "customer_request", "assignee", "reply", "fault", "rule")


class SessionsQuery(PageQuery):
    """Which sessions."""

    status = Words(validate=validate.OneOf(STATUSES), metadata=example("active"))
    mode = Words(validate=validate.OneOf(MODES), metadata=example("human"))
    channel = Words(validate=validate.Length(max=200), metadata=example("acme-intercom"))
    conversation = Words(
        validate=validate.Length(max=255),
        metadata=about("the channel's own id", "215471234567890"),
    )
    responsible = Words(
        validate=validate.Length(max=200),
        metadata=about("ai, operator, bot, unassigned, an id or part of a name", "unassigned"),
    )
    agent = Words(validate=validate.Length(max=200), metadata=example("support"))
    waits = Words(
        validate=validate.OneOf(STEPS),
        metadata=about("what the customer waits for: `accept` are the incoming ones", "accept"),
    )
    since = Moment(metadata=about("opened at this time or later", MOMENT))
    until = Moment(metadata=about("opened before this time", MOMENT))
    q = Words(
        validate=validate.Length(max=200),
        metadata=about(
            "words that begin words of a message, or of the contact's name and e-mail", "refund"
        ),
    )


class ContactSchema(Told):
    """The customer."""

    id = fields.String(metadata=example("con_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    name = fields.String(allow_none=True, metadata=example("Carol Customer"))
    email = fields.String(allow_none=True, metadata=example("carol@example.com"))
    verified = fields.Boolean(metadata=example(False))


class LastHandoverSchema(Told):
    """The last time the session went from the AI to people."""

    trigger = fields.String(validate=validate.OneOf(TRIGGERS), metadata=example("manual"))
    reason = fields.String(metadata=example("asks about a refund above 500 EUR"))
    by = fields.Nested(SomebodySchema)
    at = fields.DateTime(metadata=example(MOMENT))


class PermissionSchema(Told):
    """May the caller hand over now? If not, why."""

    allowed = fields.Boolean(metadata=example(True))
    reason = fields.String(
        allow_none=True, metadata=about("in the words of the refusal; null if allowed", None)
    )


class WaitSchema(Told):
    """What the customer waits for people to do, and when that is found to take too long."""

    step = fields.String(validate=validate.OneOf(STEPS), metadata=example("first_reply"))
    since = fields.DateTime(metadata=example(MOMENT))
    due_at = fields.DateTime(metadata=example("2026-11-22T16:23:00Z"))
    overdue = fields.Boolean(
        metadata=about("true: it has taken too long already, `due_at` is the next rung", False)
    )


class OfferSchema(Told):
    """To whom a waiting session is offered, and until when."""

    operator_id = fields.String(metadata=example("opr_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    name = fields.String(metadata=example("Ann Operator"))
    until = fields.DateTime(metadata=example("2026-11-22T16:09:00Z"))


class ReadSchema(Told):
    """Up to where the customer has read; where a channel tells."""

    message_id = fields.String(metadata=example("msg_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    at = fields.DateTime(metadata=about("when they did", MOMENT))


class RatingSchema(Told):
    """What the customer thought of the session once it was finished."""

    score = fields.Integer(
        validate=validate.Range(min=1, max=5), metadata=about("5 is the best", 4)
    )
    comment = fields.String(allow_none=True, metadata=example("Quick and friendly."))
    rated_at = fields.DateTime(metadata=example(MOMENT))


class SessionSchema(Told):
    """A session; times are ISO 8601 in UTC."""

    id = fields.String(metadata=example("ses_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    status = fields.String(validate=validate.OneOf(STATUSES), metadata=example("active"))
    mode = fields.String(
        validate=validate.OneOf(MODES), metadata=about("the last one when finished", "human")
    )
    channel = fields.String(metadata=example("acme-intercom"))
    conversation = fields.String(metadata=about("the channel's own id", "215471234567890"))
    contact = fields.Nested(ContactSchema, allow_none=True)
    agent = fields.String(metadata=about("the AI agent's name", "support"))
    responsible = fields.Nested(ResponsibleSchema)
    parameters = fields.Dict(keys=fields.String(), metadata=example({"order": "1042"}))
    results = fields.Dict(keys=fields.String(), metadata=example({"topic": "refund"}))
    epoch = fields.Integer(metadata=about("rises with every change of mode", 1))
    waiting_since = fields.DateTime(
        allow_none=True, metadata=about("since when a person is being waited for", MOMENT)
    )
    wait = fields.Nested(WaitSchema, allow_none=True)
    offer = fields.Nested(OfferSchema, allow_none=True)
    started_at = fields.DateTime(metadata=example(MOMENT))
    finished_at = fields.DateTime(allow_none=True, metadata=example(None))
    last_message_at = fields.DateTime(allow_none=True, metadata=example(MOMENT))
    message_count = fields.Integer(metadata=about("public messages", 3))
    customer_read = fields.Nested(ReadSchema, allow_none=True)
    rating = fields.Nested(RatingSchema, allow_none=True)
    last_handover = fields.Nested(LastHandoverSchema, allow_none=True)
    handover = fields.Nested(PermissionSchema)


class SessionPageSchema(PageSchema):
    """Sessions, the newest first."""

    items = fields.List(fields.Nested(SessionSchema))
