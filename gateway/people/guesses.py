"""How often passwords may be tried: counted before a password is looked at, in the database.

Three things are counted: an account from one network, where a person who has forgotten it is met; a
network, from which many accounts are tried; an account, which many networks try at once. The last
bound is wide: who guesses must not lock out the person whose account it is.
"""

from __future__ import annotations

import hashlib
from ipaddress import IPv6Address, ip_address

from sqlalchemy import case, delete

from gateway.store import Transaction
from gateway.store.models import PasswordGuess
from gateway.store.sql import insert_into

WINDOW_S = 15 * 60
MOST_OF_BOTH = 6
MOST_OF_NETWORK = 40
MOST_OF_ACCOUNT = 120
"""So many wrong passwords within `WINDOW_S` for an account from one network, from a network at all,
for an account at all."""


def count(db: Transaction, account: str, address: str | None, now: int) -> float:
    """Count one try; seconds to be sent away for if that was too many, 0 for none."""
    db.execute(delete(PasswordGuess).where(PasswordGuess.until <= now))
    waits = [
        _counted(db, name, most, now) for name, most in sorted(_names(account, address).items())
    ]
    return max(waits)


def forgive(db: Transaction, account: str, address: str | None) -> None:
    """The password was right: what was tried before it, from here, was its owner's."""
    both = _both(account, address)
    db.execute(delete(PasswordGuess).where(PasswordGuess.name == both))


def count_answer(db: Transaction, address: str | None, now: int) -> float:
    """The same for answers of an identity provider that are brought here from one network."""
    db.execute(delete(PasswordGuess).where(PasswordGuess.until <= now))
    return _counted(db, _name("answers", _network(address)), MOST_OF_NETWORK, now)


def forgive_answers(db: Transaction, address: str | None) -> None:
    """An answer held: those before it were no guesses."""
    name = _name("answers", _network(address))
    db.execute(delete(PasswordGuess).where(PasswordGuess.name == name))


def _names(account: str, address: str | None) -> dict[str, int]:
    return {
        _name("account", account): MOST_OF_ACCOUNT,
        _both(account, address): MOST_OF_BOTH,
        _name("network", _network(address)): MOST_OF_NETWORK,
    }


def _both(account: str, address: str | None) -> str:
    return _name("both", account, _network(address))


def _name(kind: str, *words: str) -> str:
    """What is counted, without saying whom: what somebody typed may be a password."""
    return f"{kind}:{hashlib.sha256(chr(0).join(words).encode()).hexdigest()[:40]}"


def _counted(db: Transaction, name: str, most: int, now: int) -> float:
    until = now + int(WINDOW_S * 1e6)
    over = PasswordGuess.until <= now
    row = db.execute(
        insert_into(db, PasswordGuess)
        .values(name=name, count=1, until=until)
        .on_conflict_do_update(
            index_elements=[PasswordGuess.name],
            set_={
                "count": case((over, 1), else_=PasswordGuess.count + 1),
                "until": case((over, until), else_=PasswordGuess.until),
            },
        )
        .returning(PasswordGuess.count, PasswordGuess.until)
    ).one()
    return 0.0 if row[0] <= most else (row[1] - now) / 1e6


def _network(address: str | None) -> str:
    """With IPv6 one customer has a whole /64."""
    if address is None:
        return "local"
    known = ip_address(address)
    return known.exploded[:19] if isinstance(known, IPv6Address) else str(known)
