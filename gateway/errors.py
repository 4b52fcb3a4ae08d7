"""What can go wrong, split by what to do next.

GatewayError
├── Theirs            somebody else's input is at fault: refuse it, change nothing
│   ├── NotAuthentic      401  the signature or token does not hold
│   ├── Unreadable        400  not what the door takes (Oversized: 413)
│   ├── NotFound          404  no such thing
│   ├── Forbidden         403  the caller may not
│   └── Conflict          409  the thing is in another state
├── Again             trouble that passes: try later, nothing was done
│   ├── Unavailable       503  the record cannot be kept just now
│   ├── Paused            503  a channel may not be asked until a person has acted
│   └── TooMany           429  more calls than the caller may make
├── Never             trouble that stays: report it, do not try again
├── UnknownOutcome    a request went out and nobody knows whether it took effect: read back first
└── Ours              a bug or a broken promise: fail loudly

ConfigError stands outside the tree: it ends the program at start and is never caught on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class GatewayError(Exception):
    """Root of every error that a door or a worker may turn into an answer."""

    code = "error"
    status = 500

    def __init__(self, message: str, *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = dict(details or {})


class Theirs(GatewayError):
    """The caller's input is at fault; nothing was changed."""

    code = "bad_request"
    status = 400


class NotAuthentic(Theirs):
    """A signature, token or password does not hold."""

    code = "not_authentic"
    status = 401


class Unreadable(Theirs):
    """The input is not what this door takes; the message says what is wrong."""

    code = "unreadable"


class Oversized(Unreadable):
    """The input is larger than this door takes."""

    code = "too_large"
    status = 413


class NotFound(Theirs):
    """There is no such thing, or the caller may not know of it."""

    code = "not_found"
    status = 404


class Forbidden(Theirs):
    """The caller is known and may not do this."""

    code = "forbidden"
    status = 403


class Conflict(Theirs):
    """The thing is in a state that does not allow this; the message says which."""

    code = "conflict"
    status = 409


class Again(GatewayError):
    """Passing trouble: nothing was done, try again later.

    ``after_s`` is the other side's own wish in seconds (a 429's window), if it gave one.
    """

    code = "try_again"
    status = 503

    def __init__(
        self,
        message: str,
        *,
        after_s: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, details=details)
        self.after_s = after_s


class Unavailable(Again):
    """The record cannot be kept just now (database down, lock or statement timeout)."""

    code = "unavailable"


class Paused(Again):
    """The channel may not be asked until a person has acted: no try, so no patience is used up."""

    code = "paused"


class TooMany(Again):
    """The caller calls more often than they may; ``after_s`` says when they may again."""

    code = "too_many_requests"
    status = 429


class Never(GatewayError):
    """Lasting trouble on the other side: trying again cannot help."""

    code = "never"


class UnknownOutcome(GatewayError):
    """A request went out and its effect is unknown: read back before anything is sent again."""

    code = "unknown_outcome"


class Ours(GatewayError):
    """A bug of ours: an impossible state, a broken invariant."""

    code = "internal"


class ConfigError(Exception):
    """Settings are missing or wrong. Lists every problem at once, each with what to do."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(["settings are not usable:", *(f"  - {p}" for p in problems)]))
