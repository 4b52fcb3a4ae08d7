"""Collects everything that is wrong with the settings, so that it can be told at once."""

import difflib
from collections.abc import Iterable
from typing import Any

# Where a value stands in the file: ("subscribers", 0, "url").
Where = tuple[str | int, ...]


class Problems:
    """The problems found so far, each naming its setting and what to do about it."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._settled: set[Where] = set()

    def __bool__(self) -> bool:
        return bool(self._texts)

    def texts(self) -> list[str]:
        """Return all problems, in the order found."""
        return list(self._texts)

    def add(self, where: Where, text: str) -> None:
        """Add a problem, unless its value already is one for a deeper reason."""
        if not any(where[:length] in self._settled for length in range(1, len(where) + 1)):
            self._texts.append(f"{spelled(where)}: {text}")

    def settle(self, where: Where) -> None:
        """Say no more about this value: what is wrong with it has been said."""
        self._settled.add(where)

    def add_messages(self, where: Where, messages: Any) -> None:
        """Add what marshmallow reports: lists of texts within mappings by key."""
        if isinstance(messages, dict):
            for key, inner in messages.items():
                self.add_messages(where if key == "_schema" else (*where, key), inner)
        else:
            for text in messages:
                self.add(where, text)


def spelled(where: Where) -> str:
    """Spell a place as the file's reader knows it: `subscribers[0].url`."""
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint at the known name that is closest, or at all of them."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"known here: {', '.join(sorted(names))}" if names else "none is defined"
