"""Contacts: what is known of a customer, who says so, and what became of it."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from gateway.api.schemas.base import MOMENT, Told, about, example
from gateway.api.schemas.pages import PageQuery, PageSchema
from gateway.contacts.editing import MOST_CUSTOM
from gateway.rails.parsing import Words

LEVELS = ("anonymous", "claimed", "verified")
SOURCES = ("channel", "operator", "ai", "system")
BECAUSE = ("email", "external_id", "channel", "operator")
KINDS = ("said", "edited", "verified", "learned", "joined", "split", "sent", "not_sent")
STATES = ("sending", "sent", "not_taken", "not_sent")

_ID = "con_06f3k9w2v0a1b2c3d4e5f6g7h8"
_JOIN = "jon_06f3k9w2v0a1b2c3d4e5f6g7h8"
_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_LARGEST = 2**53 - 1
_GIVEN: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "maxLength": 2_000, "pattern": r"^[^\u0000]*$"},
        {"type": "number", "minimum": -_LARGEST, "maximum": _LARGEST},
        {"type": ["boolean", "null"]},
    ]
}
_EMAIL = r"^ *[^@\s\x00-\x20]+@[^@\s\x00-\x20]+ *$"
_PHONE = r"^ *[+(]{0,2}[0-9]([ ()./-]{0,2}[0-9]){6,14} *$"
_FIELD = r"^[A-Za-z0-9_-]{1,64}$"


def _few(fields_given: dict[str, Any]) -> None:
    if len(fields_given) > MOST_CUSTOM:
        raise ma.ValidationError(f"At most {MOST_CUSTOM} fields.")


class ContactsQuery(PageQuery):
    """Which contacts."""

    q = Words(
        validate=validate.Length(max=200),
        metadata=about("searched for in name, e-mail, phone and external id; or an id", "carol"),
    )


class ContactBody(ma.Schema):
    """What is to be changed; null takes a detail away, what is left out stays."""

    name = Words(
        allow_none=True, validate=validate.Length(max=200), metadata=example("Carol Customer")
    )
    email = Words(
        allow_none=True,
        validate=(
            validate.Length(max=254),
            validate.Regexp(_EMAIL, error="Not an e-mail address."),
        ),
        metadata=example("carol@example.com"),
    )
    phone = Words(
        allow_none=True,
        validate=(
            validate.Length(max=50),
            validate.Regexp(_PHONE, error="Not a phone number: 7 to 15 digits."),
        ),
        metadata=example("+353 1 555 0147"),
    )
    external_id = Words(
        allow_none=True, validate=validate.Length(max=255),
        metadata=about("your own id of the customer", "shop-4471"),
    )  # fmt: skip
    custom = fields.Dict(
        keys=Words(validate=validate.Regexp(_FIELD)),
        values=fields.Raw(allow_none=True, metadata=_GIVEN),
        validate=_few,
        metadata=about("fields of your own: text, numbers, true or false", {"order_no": "1042"})
        | {"maxProperties": MOST_CUSTOM, "allOf": [{"propertyNames": {"pattern": _FIELD}}]},
    )


class VerifyBody(ma.Schema):
    """Which detail somebody has made sure of."""

    detail = Words(
        required=True,
        validate=validate.Regexp(r"^(name|email|phone|external_id|custom\.[A-Za-z0-9_-]{1,64})$"),
        metadata=about("name, email, phone, external_id or custom.<field>", "email"),
    )
    value = fields.Raw(
        allow_none=True,
        metadata=about("refused (409) if another value is shown by now", "carol@example.com")
        | _GIVEN,
    )


class OtherContactBody(ma.Schema):
    """Another contact."""

    contact_id = Words(required=True, validate=validate.Length(max=40), metadata=example(_ID))


class SplitBody(ma.Schema):
    """Which join is to be undone."""

    join_id = Words(required=True, validate=validate.Length(max=40), metadata=example(_JOIN))


class SourceSchema(Told):
    """Who says so."""

    kind = fields.String(validate=validate.OneOf(SOURCES), metadata=example("channel"))
    id = fields.String(
        allow_none=True,
        metadata=about("the operator's, or the channel's own of the customer", "66f0c0ffee"),
    )
    name = fields.String(allow_none=True, metadata=about("of the operator or AI agent", None))
    channel = fields.String(allow_none=True, metadata=example("acme-intercom"))
    session = fields.String(
        allow_none=True, metadata=about("in which the AI agent found it out", None)
    )


class DetailSchema(Told):
    """One detail: what is shown, how far it can be trusted, who says so since when."""

    value = fields.Raw(metadata=example("carol@example.com") | _SCALAR)
    level = fields.String(validate=validate.OneOf(LEVELS), metadata=example("claimed"))
    source = fields.Nested(SourceSchema)
    at = fields.DateTime(allow_none=True, metadata=example(MOMENT))


class DetailsSchema(Told):
    """The details that every contact may have."""

    name = fields.Nested(DetailSchema, allow_none=True)
    email = fields.Nested(DetailSchema, allow_none=True)
    phone = fields.Nested(DetailSchema, allow_none=True)
    external_id = fields.Nested(DetailSchema, allow_none=True)


class ValueSchema(Told):
    """A value and how far it can be trusted."""

    value = fields.Raw(metadata=example("carol@example.com") | _SCALAR)
    level = fields.String(validate=validate.OneOf(LEVELS), metadata=example("claimed"))


class TagSchema(Told):
    """A tag that the customer has in the channel."""

    id = fields.String(metadata=example("9100234"))
    name = fields.String(
        allow_none=True, metadata=about("null until the channel names it", "wholesale")
    )


class SubscriptionSchema(Told):
    """A kind of mail, and whether the customer gets it from the channel."""

    id = fields.String(metadata=example("37846"))
    name = fields.String(
        allow_none=True, metadata=about("null until the channel names it", "Newsletters")
    )
    subscribed = fields.Boolean(metadata=example(True))


class IdentitySchema(Told):
    """How a channel knows the customer, and what it says itself."""

    channel = fields.String(metadata=example("acme-intercom"))
    id = fields.String(metadata=about("the channel's own", "66f0c0ffee"))
    contact_id = fields.String(metadata=about("the contact that it came with", _ID))
    said = fields.Dict(keys=fields.String(), values=fields.Nested(ValueSchema))
    deleted = fields.Boolean(metadata=about("it is no longer in the channel", False))
    archived = fields.Boolean(metadata=about("it was put away there", False))
    merged_into = fields.String(
        allow_none=True, metadata=about("the id that it was merged into there", None)
    )
    tags = fields.List(fields.Nested(TagSchema))
    subscriptions = fields.List(fields.Nested(SubscriptionSchema))
    unsubscribed = fields.Boolean(metadata=about("gets no mail from the channel", False))


class JoinSchema(Told):
    """That one contact was joined into another."""

    id = fields.String(metadata=example(_JOIN))
    contact_id = fields.String(metadata=about("the one that was joined away", _ID))
    into = fields.String(metadata=about("the one that stood then", _ID))
    because = fields.String(validate=validate.OneOf(BECAUSE), metadata=example("email"))
    at = fields.DateTime(metadata=example(MOMENT))
    by = fields.Nested(SourceSchema)


class CardSchema(Told):
    """A customer, across channels."""

    id = fields.String(metadata=example(_ID))
    name = fields.String(allow_none=True, metadata=example("Carol Customer"))
    email = fields.String(allow_none=True, metadata=example("carol@example.com"))
    phone = fields.String(allow_none=True, metadata=example("+353 1 555 0147"))
    external_id = fields.String(allow_none=True, metadata=example("shop-4471"))
    verified = fields.Boolean(
        metadata=about("is the e-mail, or without one the external id, verified?", False)
    )
    level = fields.String(
        validate=validate.OneOf(LEVELS), metadata=about("the highest of the details", "claimed")
    )
    details = fields.Nested(DetailsSchema)
    custom = fields.Dict(keys=fields.String(), values=fields.Nested(DetailSchema))
    identities = fields.List(fields.Nested(IdentitySchema))
    joins = fields.List(fields.Nested(JoinSchema))
    created_at = fields.DateTime(metadata=example(MOMENT))
    updated_at = fields.DateTime(metadata=example(MOMENT))


class CardPageSchema(PageSchema):
    """Contacts, the newest first."""

    items = fields.List(fields.Nested(CardSchema))


class ChangeSchema(Told):
    """What was shown of a detail before and after."""

    before = fields.Nested(ValueSchema, allow_none=True)
    after = fields.Nested(ValueSchema, allow_none=True)


class ContactChangeSchema(Told):
    """One line of a contact's history."""

    id = fields.String(metadata=example("chg_06f3k9w2v0a1b2c3d4e5f6g7h8"))
    contact_id = fields.String(metadata=about("the contact that the change came to", _ID))
    kind = fields.String(validate=validate.OneOf(KINDS), metadata=example("edited"))
    at = fields.DateTime(metadata=example(MOMENT))
    by = fields.Nested(SourceSchema)
    changes = fields.Dict(keys=fields.String(), values=fields.Nested(ChangeSchema))
    join_id = fields.String(allow_none=True, metadata=example(None))
    why = fields.String(
        allow_none=True, metadata=about("why an edit was not sent, or what it met", None)
    )


class ContactPushSchema(Told):
    """What became of a detail that a channel was owed."""

    channel = fields.String(metadata=example("acme-intercom"))
    identity = fields.String(metadata=about("the channel's own id", "66f0c0ffee"))
    detail = fields.String(
        metadata=about("name, email, phone, external_id or custom.<field>", "email")
    )
    state = fields.String(validate=validate.OneOf(STATES), metadata=example("sent"))
    why = fields.String(
        allow_none=True, metadata=about("why not, or what has gone wrong so far", None)
    )
    at = fields.DateTime(metadata=about("since when", MOMENT))


class ContactPushListSchema(PageSchema):
    """What became of details that channels were owed."""

    items = fields.List(fields.Nested(ContactPushSchema))


class ContactChangePageSchema(PageSchema):
    """A contact's history, the newest first."""

    items = fields.List(fields.Nested(ContactChangeSchema))


class CommonSchema(Told):
    """A detail that two contacts have in common; its level is the lower one of both."""

    detail = fields.String(
        validate=validate.OneOf(("email", "phone", "external_id")), metadata=example("email")
    )
    value = fields.String(metadata=example("carol@example.com"))
    level = fields.String(validate=validate.OneOf(LEVELS), metadata=example("claimed"))


class SuggestionSchema(Told):
    """A contact that may be the same person."""

    contact = fields.Nested(CardSchema)
    because = fields.List(fields.Nested(CommonSchema))


class SuggestionPageSchema(PageSchema):
    """Contacts that may be the same person, the newest first."""

    items = fields.List(fields.Nested(SuggestionSchema))


class SplitSchema(Told):
    """The two contacts that a split left."""

    contact = fields.Nested(CardSchema)
    split_off = fields.Nested(CardSchema)


class DismissedSchema(Told):
    """What was said."""

    message = fields.String(metadata=example("Suggestion dismissed"))
