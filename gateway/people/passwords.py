"""Passwords: kept as argon2 hashes; it takes as long whether somebody is known or not.

What argon2 costs here (19 MiB, two passes; OWASP's choice) is 20 to 30 ms of a core: the process
that looks a password up serves webhooks as well.
"""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from werkzeug.security import check_password_hash

from gateway.errors import Unreadable

SHORTEST = 8
LONGEST = 256

_ARGON2 = "$argon2"
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Of a password that nobody knows: what is compared where there is none to compare with.
_NOBODYS = (
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)


def hashed(password: str) -> str:
    """What is kept of a password; raise Unreadable for one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Unreadable(f"a password has at least {SHORTEST} characters, and at most {LONGEST}")
    return _HASHER.hash(_spelled(password))


def holds(kept: str | None, password: str) -> bool:
    """True if `password` is the one that is kept; where none is kept, it takes as long."""
    if len(password) > LONGEST:
        return False
    if kept is not None and not kept.startswith(_ARGON2):
        return check_password_hash(kept, password)
    try:
        _HASHER.verify(kept or _NOBODYS, _spelled(password))
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """True if a password that holds should be hashed anew: another method, other costs."""
    return not kept.startswith(_ARGON2) or _HASHER.check_needs_rehash(kept)


def _spelled(password: str) -> bytes:
    """The password's bytes; half a surrogate pair, which a browser cannot send, is no reason."""
    return password.encode("utf-8", "surrogatepass")
