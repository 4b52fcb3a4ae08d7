"""The acting side of a channel that is our own: there is nobody else to act with.

What the gateway says is said by its own commit, so nothing is pushed; the record is the only one,
so there is nothing to read back, to compare with, or to look up.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gateway.channels.base import Changes, Snapshot
from gateway.channels.webwidget.scripts import BUILT, HOW_TO_BUILD, NOT_BUILT, is_built
from gateway.commands import Command, Done, UpdateContact
from gateway.errors import Never, NotFound
from gateway.events import NOBODY, ContactSeen, Event
from gateway.signs import Finding


class WidgetSender:
    """Everything that it is asked for is known already."""

    def __init__(self, installation: str, scripts: Path = BUILT) -> None:
        """`installation`: the deployment's name; `scripts`: where they are built."""
        self._installation = installation
        self._scripts = scripts

    def push(self, command: Command, *, deadline: float) -> Done:
        """Nothing is owed to this channel; raise Never."""
        raise Never("the widget shows what is in the record; nothing is pushed to it")

    def read(self, conversation: str, *, deadline: float, background: bool = False) -> Snapshot:
        """Nothing is known elsewhere: a hold ends, and nothing else changes."""
        return Snapshot(
            conversation=conversation, events=(), assignee=NOBODY, closed=False, updated_at=0
        )

    def changes(self, since: int, until: int, cursor: str | None) -> Changes:
        """Nothing changes elsewhere."""
        return Changes()

    def contact(self, contact: str, *, deadline: float) -> ContactSeen:
        """Who visitors are is in the record, and nowhere else; raise NotFound."""
        raise NotFound("who a visitor is is known in the record alone")

    def conversations_of(self, contact: str, *, deadline: float) -> Sequence[str]:
        """There is nobody else to ask."""
        return ()

    def update_contact(self, command: UpdateContact, *, deadline: float) -> ContactSeen:
        """Nothing is owed to this channel; raise Never."""
        raise Never("who a visitor is is known in the record alone")

    def skew_s(self) -> float | None:
        """There is no other clock."""
        return None

    def check(self) -> Sequence[Finding]:
        """Look whether there is something to put into a page."""
        if is_built(self._scripts):
            return [Finding(ok=True, what="its scripts are built")]
        return [Finding(ok=False, what=NOT_BUILT, do=HOW_TO_BUILD)]

    def installation(self) -> str:
        """The deployment's name."""
        return self._installation

    def directory(self) -> Sequence[Event]:
        """Who works here is in the record."""
        return ()
