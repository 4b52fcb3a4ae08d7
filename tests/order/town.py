"""What may happen: customers, teammates, the bot's seat and our own doors, as one timeline.

A first gateway hears everything at once and in order; what it heard is kept as items, so that
another may come to know the same in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from gateway.clock import MovableClock
from gateway.commands import Assign
from gateway.conversations import doors
from gateway.conversations.doors import Caller
from gateway.conversations.pushes import command_of
from gateway.errors import GatewayError
from gateway.events import STEP_ASSIGNED, Actor, Assigned, Assignee, Position
from gateway.store.models import ChatSession, Conversation, Push
from intercom_standin.ledger import NotAllowed, NotThere
from intercom_standin.records import Outcome
from intercom_standin.server import StandIn
from tests.order.gateways import Gateway, Item, Learnt, read, told
from tests.rig import AOIFE, BOT, START

SUPERVISOR = Caller(id="opr_sam", name="Sam Supervisor", role="admin", as_operator=str(AOIFE))


class Town:
    """A workspace on the stand-in, a clock that tests move, and the gateway that hears in order."""

    def __init__(self, first: Gateway, clock: MovableClock, *, version: str = "2.14") -> None:
        self.first = first
        self.clock = clock
        self.standin = StandIn(
            mode="manual", clock=lambda: clock.now().timestamp(), version=version
        )
        self.items: list[Item] = []
        self._known_acts: set[str] = set()
        self._settled: set[int] = set()

    @property
    def world(self) -> Any:
        return self.standin.world

    @property
    def conversations(self) -> list[str]:
        return list(self.world.conversations)

    def happens(self, operation: str, *args: Any, stale: bool = False, **more: Any) -> list[Item]:
        """Let something happen in the workspace and the first gateway hear of it.

        `stale`: the notifications show the assignee from before (FACTS 1.5).
        """
        if stale:
            self.standin.faults.add("stale_assignee", count=8)
        try:
            getattr(self.world, operation)(*args, **more)
        except (NotAllowed, NotThere):
            return []
        finally:
            self.standin.faults.clear()
        return self._keep([told(self.standin, one) for one in self.standin.notifier.take()])

    def acts(self, door: str, conversation: str, **more: Any) -> list[Item]:
        """Knock at one of our doors about a conversation's latest session."""
        rows = self.first.rows(
            select(ChatSession.id)
            .join(Conversation, Conversation.id == ChatSession.conversation_id)
            .where(Conversation.external_id == conversation)
            .order_by(ChatSession.opened_at.desc(), ChatSession.opened_number.desc())
        )
        if not rows:
            return []
        try:
            self.first.act(getattr(doors, door), rows[0].id, SUPERVISOR, **more)
        except GatewayError:
            return []
        new = [fact for fact in self.first.acts() if fact.id not in self._known_acts]
        self._known_acts |= {fact.id for fact in new}
        learnt: list[Item] = [Learnt(fact, "act") for fact in new]
        self.items += learnt
        return learnt

    def posts(self, conversation: str) -> list[Item]:
        """Carry out the oldest assignment that the gateway owes: a receipt, and its echoes."""
        owed = self.first.rows(
            select(Push.id, Push.kind, Push.command, Push.cause)
            .join(Conversation, Conversation.id == Push.conversation_id)
            .where(Conversation.external_id == conversation, Push.kind == "assign",
                   Push.state == "owed", Push.id.not_in(self._settled))
            .order_by(Push.id)
        )  # fmt: skip
        if not owed:
            return []
        push = owed[0]
        self._settled.add(push.id)
        command = command_of(push.kind, push.command)
        assert isinstance(command, Assign)
        try:
            outcome: Outcome = self.world.assign(
                conversation, _whom(command.to), by=BOT, via_api=True
            )
        except NotThere:
            return []
        assert outcome.part is not None
        at = Position(outcome.part.created_at * 1_000_000, int(outcome.part.id), STEP_ASSIGNED)
        receipt = Assigned(
            conversation=conversation, id=outcome.part.id, at=at, to=command.to,
            by=Actor(kind="ai"), settles=push.cause,
        )  # fmt: skip
        echoes = [told(self.standin, one) for one in self.standin.notifier.take()]
        return self._keep([Learnt(receipt, "receipt"), *echoes])

    def reads(self, conversation: str) -> list[Item]:
        """Read a conversation by REST."""
        try:
            return self._keep([read(self.standin, conversation, self.first.ai_teams)])
        except NotThere:
            return []

    def passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def _keep(self, items: Sequence[Item]) -> list[Item]:
        for item in items:
            item.reach(self.first)
        self.items += items
        return list(items)


def fresh_clock() -> MovableClock:
    return MovableClock(START)


def _whom(to: Assignee) -> str:
    match to.kind:
        case "nobody":
            return "nobody"
        case "team":
            return f"team:{to.id}"
        case _:
            return f"admin:{to.id}"
