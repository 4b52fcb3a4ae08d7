"""What the widget's doors refuse, each with the code that the protocol names."""

from __future__ import annotations

from gateway.errors import Conflict, Forbidden, NotAuthentic, NotFound


class TokenInvalid(NotAuthentic):
    """The visitor's token was not made here, or was made void."""

    code = "token_invalid"


class TokenExpired(NotAuthentic):
    """The visitor's token is too old."""

    code = "token_expired"


class JwtInvalid(NotAuthentic):
    """The JWT does not prove who the visitor is."""

    code = "jwt_invalid"


class JwtExpired(NotAuthentic):
    """The JWT did prove it, and no longer does."""

    code = "jwt_expired"


class OriginNotAllowed(Forbidden):
    """The page is not one of the deployment's."""

    code = "origin_not_allowed"


class NoSuchWidget(NotFound):
    """There is no deployment of that key."""

    code = "no_such_widget"


class NotFinished(Conflict):
    """The session goes on: there is nothing to rate yet."""

    code = "not_finished"
