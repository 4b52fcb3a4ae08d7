"""Operators: people inside who may use our doors, their links into channels, their tokens."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from sqlalchemy import bindparam, delete, select

from gateway.errors import Conflict, NotAuthentic, NotFound, Unreadable
from gateway.people import passwords
from gateway.store import Transaction, new_id
from gateway.store.models import Operator as OperatorRow
from gateway.store.models import OperatorLink, Token
from gateway.store.prepared import Prepared
from gateway.store.sql import insert_into

Role = Literal["admin", "operator", "viewer"]
ROLES: tuple[Role, ...] = get_args(Role)

TOKEN_PREFIX = "gwt_"

EMAIL = r"[^@\s\x00]+@[^@\s\x00]+"
LONGEST_EMAIL = 254
_EMAIL = re.compile(EMAIL)
_TOKEN = re.compile(r"gwt_[A-Za-z0-9_-]{43}")
_NOT_KNOWN = "the token is not known or was revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person inside; `links` says as whom they act, by channel.

    They came in by a token (`token_id`), or by having signed in (`signin_id`).
    """

    id: str
    email: str
    name: str
    role: Role
    links: Mapping[str, str] = field(default_factory=dict)
    token_id: str | None = None
    signin_id: str | None = None

    @property
    def let_in_by(self) -> str | None:
        """The id of what let them in: when it ends, so does what they follow."""
        return self.token_id or self.signin_id


def add(
    db: Transaction, *, email: str, name: str, role: str, now: int, password: str | None = None
) -> Operator:
    """Add an operator; raise Unreadable for a value that cannot be, Conflict for a known e-mail.

    E-mail addresses are kept in lower case: `Ann@acme.test` and `ann@acme.test` are one person.
    """
    operator = Operator(
        id=new_id("opr"), email=read_email(email), name=read_name(name), role=read_role(role)
    )
    written = db.execute(
        insert_into(db, OperatorRow)
        .values(
            id=operator.id,
            email=operator.email,
            name=operator.name,
            role=operator.role,
            password_hash=passwords.hashed(password) if password is not None else None,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(OperatorRow.id)
    ).one_or_none()
    if written is None:
        raise Conflict(f"there is an operator {operator.email} already")
    return operator


def link(db: Transaction, operator_id: str, channel: str, external_id: str) -> None:
    """Say as whom an operator acts in a channel; an earlier link there is replaced.

    Raises Unreadable for an empty side, Conflict if that person is linked to somebody else.
    """
    if not channel or not external_id or "\x00" in channel + external_id:
        raise Unreadable("a link is CHANNEL:ADMIN_ID, such as acme-intercom:814860")
    holder = db.scalar(
        select(OperatorLink.operator_id).where(
            OperatorLink.channel == channel, OperatorLink.external_id == external_id
        )
    )
    if holder == operator_id:
        return
    if holder is not None:
        raise Conflict(f"{channel}:{external_id} is linked to another operator already")
    db.execute(
        insert_into(db, OperatorLink)
        .values(operator_id=operator_id, channel=channel, external_id=external_id)
        .on_conflict_do_update(
            index_elements=[OperatorLink.operator_id, OperatorLink.channel],
            set_={"external_id": external_id},
        )
    )


def unlink(db: Transaction, operator_id: str, channel: str) -> None:
    """Nobody says any more who an operator is in a channel."""
    db.execute(
        delete(OperatorLink).where(
            OperatorLink.operator_id == operator_id, OperatorLink.channel == channel
        )
    )


def read_link(text: str) -> tuple[str, str]:
    """Read `CHANNEL:ADMIN_ID`; raise Unreadable."""
    channel, colon, external_id = text.partition(":")
    if not (colon and channel and external_id):
        raise Unreadable(f"{text!r} is not CHANNEL:ADMIN_ID, such as acme-intercom:814860")
    return channel, external_id


def find(db: Transaction, email: str) -> Operator:
    """The operator with this e-mail address; raise NotFound."""
    row = db.execute(select(*_COLUMNS).where(OperatorRow.email == read_email(email))).one_or_none()
    if row is None:
        raise NotFound(f"there is no operator {email}")
    return _operator(db, row.id, row.email, row.name, row.role)


def new_token(db: Transaction, operator_id: str, now: int) -> str:
    """Make a token that acts as the operator; only its hash is kept, so it is seen just once."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    db.execute(
        insert_into(db, Token).values(
            id=new_id("tok"), operator_id=operator_id, digest=digest_of(token), created_at=now
        )
    )
    return token


def authenticate(db: Transaction, token: str) -> Operator:
    """The operator whom a token acts as, with links; raise NotAuthentic.

    The token is looked up by its hash, so how long that takes tells nothing about other tokens.
    """
    if not _TOKEN.fullmatch(token):
        raise NotAuthentic(f"this is not an API token: they begin with {TOKEN_PREFIX}")
    rows = _BY_TOKEN.run(db, {"token": digest_of(token)})
    if not rows:
        raise NotAuthentic(_NOT_KNOWN)
    first = rows[0]
    links = {row.channel: row.external_id for row in rows if row.channel is not None}
    return Operator(
        id=first.id,
        email=first.email,
        name=first.name,
        role=read_role(first.role),
        links=links,
        token_id=first.token_id,
    )


def still_hold(db: Transaction, token_ids: Sequence[str]) -> set[str]:
    """Those of these tokens that would let somebody in."""
    found = _HOLDS.ask_all(db, [{"key": id} for id in token_ids])
    return {row.id for row in found()}


def password_holds(db: Transaction, email: str, password: str) -> bool:
    """True if this is the password of the operator with this e-mail address."""
    kept = db.scalar(
        select(OperatorRow.password_hash).where(
            OperatorRow.email == read_email(email), OperatorRow.deactivated_at.is_(None)
        )
    )
    # An unknown address takes as long as a wrong password: nobody learns who works here.
    return passwords.holds(kept, password)


# What a token and its operator must be, whenever it is asked.
_LETS_IN = (Token.revoked_at.is_(None), OperatorRow.deactivated_at.is_(None))
_COLUMNS = (OperatorRow.id, OperatorRow.email, OperatorRow.name, OperatorRow.role)
_BY_TOKEN = Prepared(
    lambda _: (
        select(
            *_COLUMNS,
            OperatorLink.channel,
            OperatorLink.external_id,
            Token.id.label("token_id"),
        )
        .join(Token, Token.operator_id == OperatorRow.id)
        .outerjoin(OperatorLink, OperatorLink.operator_id == OperatorRow.id)
        .where(Token.digest == bindparam("token"), *_LETS_IN)
    )
)
_HOLDS = Prepared(
    lambda _: (
        select(Token.id)
        .join(OperatorRow, OperatorRow.id == Token.operator_id)
        .where(Token.id == bindparam("key"), *_LETS_IN)
    )
)


def _operator(db: Transaction, id: str, email: str, name: str, role: str) -> Operator:
    links = db.execute(
        select(OperatorLink.channel, OperatorLink.external_id).where(OperatorLink.operator_id == id)
    )
    return Operator(
        id=id, email=email, name=name, role=read_role(role), links={row[0]: row[1] for row in links}
    )


def read_email(text: str) -> str:
    """An e-mail address in lower case; raise Unreadable."""
    email = text.strip().lower()
    if not _EMAIL.fullmatch(email) or len(email) > LONGEST_EMAIL:
        raise Unreadable(f"{text!r} is not an e-mail address")
    return email


def read_name(text: str) -> str:
    """A name with its spaces put right; raise Unreadable."""
    name = " ".join(text.split())
    if not name or "\x00" in name or len(name) > 200:
        raise Unreadable("a name has 1 to 200 characters")
    return name


def read_role(text: str) -> Role:
    """A role by its word; raise Unreadable."""
    for role in ROLES:
        if role == text:
            return role
    raise Unreadable(f"{text!r} is not a role; use {', '.join(ROLES)}")


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
