"""Sign-ins: people come in with e-mail address and password, and are known by a cookie after that.

Whoever signs in gets a new secret each time, so nobody can be made to use one that somebody else
knows. Of the secret only its hash is kept. A person who is deactivated is out with the next call.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from dataclasses import dataclass, field

import structlog
from sqlalchemy import bindparam, delete, select, update

from gateway import audit
from gateway.audit import Thing, Who
from gateway.clock import Clock, to_micros
from gateway.errors import NotAuthentic, NotFound, TooMany, Unreadable
from gateway.people import guesses, passwords
from gateway.people.operators import Operator, digest_of, read_email, read_role
from gateway.store import Database, Transaction, new_id
from gateway.store.models import Operator as OperatorRow
from gateway.store.models import OperatorLink, Signin
from gateway.store.prepared import Prepared
from gateway.store.sql import insert_into

log = structlog.get_logger(__name__)

IDLE_S = 24 * 3_600
"""A sign-in ends when its browser has not been heard of for so long; open pages are heard."""
LONGEST_S = 14 * 24 * 3_600

WRONG = "The e-mail address or the password is wrong."
ENDED = "You are not signed in, or not any more."

_NOTED_S = 300
_SECRET_LENGTH = 43
_LONGEST_BROWSER = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Somebody who has signed in. `csrf` is what a call that changes something names as well."""

    id: str
    operator: Operator
    csrf: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A sign-in as its person sees it. Times in µs."""

    id: str
    created_at: int
    seen_at: int
    address: str | None
    browser: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """From where somebody signs in."""

    address: str | None = None
    browser: str = ""
    request_id: str | None = None


class Signins:
    """Lets people in and out. Safe to share."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def enter(self, secret: str) -> SignedIn:
        """Who comes with this cookie; raise NotAuthentic."""
        if len(secret) != _SECRET_LENGTH:
            raise NotAuthentic(ENDED)
        now = to_micros(self._clock.now())
        with self._database.read() as db:
            rows = _BY_COOKIE.run(db, {"cookie": digest_of(secret), "now": now})
        if not rows or rows[0].seen_at <= now - IDLE_S * 1_000_000:
            raise NotAuthentic(ENDED)
        first = rows[0]
        if first.seen_at <= now - _NOTED_S * 1_000_000:
            mine = update(Signin).where(Signin.id == first.signin_id)
            self._database.write(lambda db: db.execute(mine.values(seen_at=now)))
        operator = Operator(
            id=first.id,
            email=first.email,
            name=first.name,
            role=read_role(first.role),
            links={row.channel: row.external_id for row in rows if row.channel is not None},
            signin_id=first.signin_id,
        )
        return SignedIn(id=first.signin_id, operator=operator, csrf=csrf_of(secret))

    def sign_in(self, email: str, password: str, caller: Caller, old: str = "") -> str:
        """Let somebody in; return the cookie's secret. `old` is the one the browser came with.

        Raises NotAuthentic, whatever of the two is wrong, and TooMany.
        """
        now = to_micros(self._clock.now())
        account = _account(email)
        self._count(account, caller, now)
        with self._database.read() as db:
            row = db.execute(
                select(OperatorRow.id, OperatorRow.name, OperatorRow.password_hash).where(
                    OperatorRow.email == account, OperatorRow.deactivated_at.is_(None)
                )
            ).one_or_none()
        # Nothing is locked meanwhile: this takes a while, by design.
        right = passwords.holds(row.password_hash if row else None, password)
        if row is None or not right:
            log.info("sign_in_refused", address=caller.address)
            if row is not None:
                who = who_of(row.id, row.name, caller)
                self._database.write(
                    lambda db: audit.write(
                        db, who, "sign_in", Thing("operator", who.id), now=now,
                        outcome="refused", reason="wrong password",
                    )
                )  # fmt: skip
            raise NotAuthentic(WRONG)
        kept = row.password_hash
        anew = passwords.hashed(password) if passwords.is_outdated(kept) else kept
        secret = new_secret()

        def let_in(db: Transaction) -> None:
            still = (
                OperatorRow.id == row.id,
                OperatorRow.password_hash == kept,
                OperatorRow.deactivated_at.is_(None),
            )
            known = update(OperatorRow).where(*still).values(password_hash=anew)
            if db.execute(known.returning(OperatorRow.id)).one_or_none() is None:
                raise NotAuthentic(WRONG)  # changed, or deactivated, this very moment
            guesses.forgive(db, account, caller.address)
            id = open_signin(db, row.id, secret, caller, old, now)
            audit.write(
                db, who_of(row.id, row.name, caller), "sign_in", Thing("signin", id), now=now
            )

        self._database.write(let_in)
        return secret

    def check_password(self, operator: Operator, password: str, caller: Caller) -> str | None:
        """Raise NotAuthentic unless it is the operator's, and TooMany; return what is kept of it.

        Whoever has no password yet needs none.
        """
        now = to_micros(self._clock.now())
        with self._database.read() as db:
            kept = db.scalar(select(OperatorRow.password_hash).where(OperatorRow.id == operator.id))
        if kept is None:
            return None
        self._count(operator.email, caller, now)
        if not passwords.holds(kept, password):
            raise NotAuthentic("This is not your password.")
        self._database.write(lambda db: guesses.forgive(db, operator.email, caller.address))
        return kept

    def sign_out(self, here: SignedIn, caller: Caller) -> None:
        """End this sign-in."""

        def out(db: Transaction, now: int) -> None:
            db.execute(delete(Signin).where(Signin.id == here.id))
            audit.write(
                db,
                who_of(here.operator.id, here.operator.name, caller),
                "sign_out",
                Thing("signin", here.id),
                now=now,
            )

        now = to_micros(self._clock.now())
        self._database.write(lambda db: out(db, now))

    def sign_out_everywhere(self, here: SignedIn, caller: Caller) -> int:
        """End every sign-in of this person; return how many those were."""

        def out(db: Transaction, now: int) -> int:
            ended = end_all(db, here.operator.id)
            audit.write(
                db, who_of(here.operator.id, here.operator.name, caller), "sign_out_everywhere",
                Thing("operator", here.operator.id), after={"ended": ended}, now=now,
            )  # fmt: skip
            return ended

        now = to_micros(self._clock.now())
        return self._database.write(lambda db: out(db, now))

    def _count(self, account: str, caller: Caller, now: int) -> None:
        wait_s = self._database.write(lambda db: guesses.count(db, account, caller.address, now))
        if wait_s > 0:
            log.warning("sign_in_throttled", address=caller.address)
            minutes = math.ceil(wait_s / 60)
            raise TooMany(
                f"Too many wrong passwords. Try again in {minutes} "
                f"{'minute' if minutes == 1 else 'minutes'}.",
                after_s=wait_s,
            )


def new_secret() -> str:
    """A cookie's secret, another one for every sign-in."""
    return secrets.token_urlsafe(32)


def open_signin(
    db: Transaction, operator_id: str, secret: str, caller: Caller, old: str, now: int
) -> str:
    """Let the browser with this secret in as an operator; return the sign-in's id.

    Whoever was signed in there before (`old`) is so no more.
    """
    over = (Signin.digest == digest_of(old)) | (Signin.expires_at <= now)
    db.execute(delete(Signin).where(over))
    id = new_id("sgn")
    db.execute(
        insert_into(db, Signin).values(
            id=id, operator_id=operator_id, digest=digest_of(secret), created_at=now, seen_at=now,
            expires_at=now + LONGEST_S * 1_000_000, address=caller.address,
            browser=caller.browser.replace("\x00", "")[:_LONGEST_BROWSER] or None,
        )
    )  # fmt: skip
    return id


def set_password(db: Transaction, operator_id: str, kept: str, *, but: str | None = None) -> None:
    """Keep this hash (`passwords.hashed`) as somebody's; ends their sign-ins but that one.

    Raises NotFound.
    """
    set_ = update(OperatorRow).where(OperatorRow.id == operator_id).values(password_hash=kept)
    if db.execute(set_.returning(OperatorRow.id)).one_or_none() is None:
        raise NotFound("there is no such operator")
    end_all(db, operator_id, but=but)


def end_all(db: Transaction, operator_id: str, *, but: str | None = None) -> int:
    """End the sign-ins of an operator, `but` that one; return how many those were."""
    gone = delete(Signin).where(Signin.operator_id == operator_id)
    if but is not None:
        gone = gone.where(Signin.id != but)
    return len(db.execute(gone.returning(Signin.id)).all())


def of_operator(db: Transaction, operator_id: str, now: int) -> list[Open]:
    """Where an operator is signed in, the last heard of first."""
    rows = db.execute(
        select(Signin.id, Signin.created_at, Signin.seen_at, Signin.address, Signin.browser)
        .where(
            Signin.operator_id == operator_id,
            Signin.expires_at > now,
            Signin.seen_at > now - IDLE_S * 1_000_000,
        )
        .order_by(Signin.seen_at.desc(), Signin.id.desc())
    )
    return [Open(**row._mapping) for row in rows]


def still_signed_in(db: Transaction, ids: list[str], now: int) -> set[str]:
    """Those of these sign-ins that would let somebody in."""
    since = now - IDLE_S * 1_000_000
    found = _HOLDS.ask_all(db, [{"key": id, "now": now, "since": since} for id in ids])
    return {row.id for row in found()}


def csrf_of(secret: str) -> str:
    """What pages of a sign-in send along, and no other site can know."""
    return hashlib.sha256(f"csrf:{secret}".encode()).hexdigest()


def csrf_holds(here: SignedIn, said: str) -> bool:
    """True if this is the one."""
    return hmac.compare_digest(here.csrf.encode(), said.encode("utf-8", "replace"))


def _account(email: str) -> str:
    """The address as operators' are kept; what is none is counted as it is, and is nobody's."""
    try:
        return read_email(email)
    except Unreadable:
        return email[:254].replace("\x00", "")


def who_of(id: str, name: str, caller: Caller) -> Who:
    """Somebody who comes in, or goes, as the audit names them."""
    return Who(
        kind="operator",
        id=id,
        name=name,
        address=caller.address,
        request_id=caller.request_id,
    )


_HOLDS = Prepared(
    lambda _: (
        select(Signin.id)
        .join(OperatorRow, OperatorRow.id == Signin.operator_id)
        .where(
            Signin.id == bindparam("key"),
            Signin.expires_at > bindparam("now"),
            Signin.seen_at > bindparam("since"),
            OperatorRow.deactivated_at.is_(None),
        )
    )
)
_BY_COOKIE = Prepared(
    lambda _: (
        select(
            OperatorRow.id,
            OperatorRow.email,
            OperatorRow.name,
            OperatorRow.role,
            OperatorLink.channel,
            OperatorLink.external_id,
            Signin.id.label("signin_id"),
            Signin.seen_at,
        )
        .join(Signin, Signin.operator_id == OperatorRow.id)
        .outerjoin(OperatorLink, OperatorLink.operator_id == OperatorRow.id)
        .where(
            Signin.digest == bindparam("cookie"),
            Signin.expires_at > bindparam("now"),
            OperatorRow.deactivated_at.is_(None),
        )
    )
)
