"""Operators who sign in at an identity provider: found by issuer and subject, and nothing else.

The first time an operator is found by the e-mail address that the provider has verified; from then
on the address plays no part, so whoever gets a colleague's old address is not that colleague.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import structlog
from sqlalchemy import Row, delete, select, update

from gateway import audit
from gateway.audit import SYSTEM, Thing, Who
from gateway.clock import Clock, to_micros
from gateway.config import OidcSettings
from gateway.errors import Conflict, Forbidden, TooMany, Unreadable
from gateway.people import guesses, operators, signins
from gateway.people.editing import edit
from gateway.people.operators import Role
from gateway.people.signins import Caller
from gateway.store import Database, Transaction
from gateway.store.models import Operator, OperatorIdentity
from gateway.store.sql import insert_into

log = structlog.get_logger(__name__)

Why = Literal["email", "domain", "unknown", "role", "deactivated", "taken"]

_HIGHEST_FIRST: tuple[Role, ...] = ("admin", "operator", "viewer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What a provider vouches for. `email` is None unless it is verified there."""

    issuer: str
    subject: str
    email: str | None = field(repr=False)
    name: str = field(default="", repr=False)
    groups: frozenset[str] = frozenset()


class NoEntry(Forbidden):
    """Known at the provider, and not let in here; `why` is one of a few words."""

    def __init__(self, why: Why, operator: tuple[str, str] | None = None) -> None:
        super().__init__(f"not let in: {why}", details={"why": why})
        self.why = why
        self.operator = operator


class Identities:
    """Lets people in for whom a provider vouches. Safe to share."""

    def __init__(self, database: Database, clock: Clock, settings: OidcSettings) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings

    def count(self, caller: Caller) -> None:
        """Count an answer before the provider is asked about it; raise TooMany."""
        now = self._now()
        wait_s = self._database.write(lambda db: guesses.count_answer(db, caller.address, now))
        if wait_s > 0:
            log.warning("sign_in_throttled", address=caller.address)
            minutes = math.ceil(wait_s / 60)
            raise TooMany(
                "Too many sign-ins that did not hold. Try again in "
                f"{minutes} {'minute' if minutes == 1 else 'minutes'}.",
                after_s=wait_s,
            )

    def sign_in(self, vouched: Vouched, caller: Caller, old: str = "") -> str:
        """Let somebody in; return the cookie's secret. `old` is the one the browser came with.

        Raises NoEntry, and Conflict if somebody was added this very moment.
        """
        now = self._now()
        secret = signins.new_secret()

        def let_in(db: Transaction) -> None:
            id, name = self._operator(db, vouched, caller, now)
            guesses.forgive_answers(db, caller.address)
            signin_id = signins.open_signin(db, id, secret, caller, old, now)
            who = signins.who_of(id, name, caller)
            through = {"through": vouched.issuer}
            audit.write(db, who, "sign_in", Thing("signin", signin_id), after=through, now=now)

        try:
            self._database.write(let_in)
        except NoEntry as refused:
            self._note(refused, caller, now)
            raise
        return secret

    def _operator(
        self, db: Transaction, vouched: Vouched, caller: Caller, now: int
    ) -> tuple[str, str]:
        """Id and name of the operator whom this is; raise NoEntry."""
        self._check_domain(vouched)
        role = self._role(vouched)
        row = _linked(db, vouched)
        if row is None:
            row = self._linked_now(db, vouched, role, caller, now)
        if row.deactivated_at is not None:
            raise NoEntry("deactivated", (row.id, row.name))
        mine = (
            OperatorIdentity.issuer == vouched.issuer,
            OperatorIdentity.subject == vouched.subject,
        )
        db.execute(update(OperatorIdentity).where(*mine).values(used_at=now))
        if role is not None and role != row.role:
            _give_role(db, row.id, role, now)
        return row.id, row.name

    def _check_domain(self, vouched: Vouched) -> None:
        if self._settings.allowed_domains:
            if vouched.email is None:
                raise NoEntry("email")
            if vouched.email.rpartition("@")[2].lower() not in self._settings.allowed_domains:
                raise NoEntry("domain")

    def _role(self, vouched: Vouched) -> Role | None:
        """The highest role that the provider's word gives; None where it has no say."""
        if not self._settings.roles:
            return None
        given = {role for word, role in self._settings.roles.items() if word in vouched.groups}
        for role in _HIGHEST_FIRST:
            if role in given:
                return role
        raise NoEntry("role")

    def _linked_now(
        self, db: Transaction, vouched: Vouched, role: Role | None, caller: Caller, now: int
    ) -> Row[str, str, str, int | None]:
        """The operator whose verified address this is, from now on linked; raise NoEntry."""
        try:
            email = operators.read_email(vouched.email or "")
        except Unreadable:
            raise NoEntry("email") from None
        row = db.execute(_OPERATOR.where(Operator.email == email)).one_or_none()
        if row is None:
            row = self._added(db, vouched, email, role, now)
        if row.deactivated_at is not None:
            raise NoEntry("deactivated", (row.id, row.name))
        linked = db.execute(
            insert_into(db, OperatorIdentity)
            .values(
                issuer=vouched.issuer, subject=vouched.subject, operator_id=row.id, email=email,
                linked_at=now, used_at=now,
            )
            .on_conflict_do_nothing()
            .returning(OperatorIdentity.operator_id)
        ).one_or_none()  # fmt: skip
        if linked is not None:
            who = signins.who_of(row.id, row.name, caller)
            after = {"issuer": vouched.issuer, "subject": vouched.subject}
            thing = Thing("operator", row.id)
            audit.write(db, who, "link_identity", thing, after=after, now=now)
            return row
        known = _linked(db, vouched)  # perhaps the same person, in another tab, a moment ago
        if known is None or known.id != row.id:
            raise NoEntry("taken", (row.id, row.name))
        return known

    def _added(
        self, db: Transaction, vouched: Vouched, email: str, role: Role | None, now: int
    ) -> Row[str, str, str, int | None]:
        if self._settings.unknown_people == "refuse":
            raise NoEntry("unknown")
        try:
            name = operators.read_name(vouched.name)
        except Unreadable:
            name = email.partition("@")[0]
        person = operators.add(
            db, email=email, name=name, role=role or self._settings.unknown_people, now=now
        )
        after = {"email": email, "name": name, "role": person.role, "through": vouched.issuer}
        audit.write(db, SYSTEM, "add_operator", Thing("operator", person.id), after=after, now=now)
        return db.execute(_OPERATOR.where(Operator.id == person.id)).one()

    def _note(self, refused: NoEntry, caller: Caller, now: int) -> None:
        log.info("sign_in_refused", address=caller.address, why=refused.why)
        if refused.operator is None:
            who = Who(
                kind="system", name="somebody", address=caller.address,
                request_id=caller.request_id,
            )  # fmt: skip
            thing = Thing("operator")
        else:
            who = signins.who_of(*refused.operator, caller)
            thing = Thing("operator", who.id)
        self._database.write(
            lambda db: audit.write(
                db, who, "sign_in", thing, now=now, outcome="refused", reason=refused.message
            )
        )

    def _now(self) -> int:
        return to_micros(self._clock.now())


def unlink(db: Transaction, operator_id: str) -> int:
    """Forget who an operator is at any provider; the next verified e-mail address links anew.

    Ends their sign-ins. Return how many identities those were.
    """
    signins.end_all(db, operator_id)
    gone = delete(OperatorIdentity).where(OperatorIdentity.operator_id == operator_id)
    return len(db.execute(gone.returning(OperatorIdentity.subject)).all())


def _give_role(db: Transaction, operator_id: str, role: Role, now: int) -> None:
    try:
        with db.session.begin_nested():  # what is refused was written by then
            change = edit(db, operator_id, {"role": role}, now)
    except Conflict:
        # Nobody could administrate any more: what the provider says waits for another admin.
        log.warning("sign_in_role_kept", operator=operator_id, role=role)
        return
    before, after = audit.changes(change.before, change.after)
    audit.write(
        db, SYSTEM, "edit_operator", Thing("operator", operator_id), before, after, now=now
    )  # fmt: skip


_OPERATOR = select(Operator.id, Operator.name, Operator.role, Operator.deactivated_at)


def _linked(db: Transaction, vouched: Vouched) -> Row[str, str, str, int | None] | None:
    return db.execute(
        _OPERATOR.join(OperatorIdentity, OperatorIdentity.operator_id == Operator.id).where(
            OperatorIdentity.issuer == vouched.issuer,
            OperatorIdentity.subject == vouched.subject,
        )
    ).one_or_none()
