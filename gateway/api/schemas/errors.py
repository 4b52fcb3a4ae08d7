"""The one shape of errors."""

from __future__ import annotations

from marshmallow import fields

from gateway.api.schemas.base import Told, about


class ProblemSchema(Told):
    """What went wrong."""

    code = fields.String(metadata=about("for programs", "conflict"))
    message = fields.String(
        metadata=about("for people: what is wrong, and what to do", "Session is already finished")
    )
    details = fields.Dict(
        keys=fields.String(),
        metadata=about("more, for programs; `fields` names what cannot be used", {}),
    )


class ErrorSchema(Told):
    """The one shape of errors."""

    error = fields.Nested(ProblemSchema)
