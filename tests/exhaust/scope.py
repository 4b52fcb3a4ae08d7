"""What may happen in a search, and which steps have to do with one another."""

from __future__ import annotations

from dataclasses import dataclass

TROUBLES = frozenset({"kill", "lose", "again", "drop", "freeze", "repeat"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What may happen: after the first message, `events`; at most `troubles` of these kinds."""

    events: tuple[str, ...] = ("second", "takeover", "hand_back", "reconcile")
    troubles: int = 1
    kinds: frozenset[str] = TROUBLES
    parts: int = 1
    # Whether others may act between a worker's look for what is due and its first step.
    stale: bool = False

    def __str__(self) -> str:
        happens = ", ".join(("first", *self.events)).replace("_", "-")
        named = ", ".join(sorted(self.kinds))
        return f"{happens}; {self.parts} message(s) an answer; {self.troubles} of {named}"


@dataclass(frozen=True, slots=True)
class Touch:
    """What an action reads, and what it changes."""

    reads: frozenset[str]
    changes: frozenset[str]

    @classmethod
    def of(cls, *reads: str, changes: tuple[str, ...]) -> Touch:
        return cls(frozenset(reads), frozenset(changes))

    def commutes(self, other: Touch) -> bool:
        """True if neither changes what the other reads or changes."""
        return not (self.changes & (other.reads | other.changes) or other.changes & self.reads)
