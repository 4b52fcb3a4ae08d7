"""How a story is told on a terminal: what was said by whom and when, and what it proves."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

Json = dict[str, Any]

_INDENT = "    "
_NAME_WIDTH = 18
_COLOURS = {"customer": "cyan", "ai": "magenta", "operator": "yellow", "system": "bright_black"}
_KINDS = {"note": " (note)", "draft": " (draft)"}


class Transcript:
    """Prints each message once, in the order in which it became known."""

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._told: set[str] = set()
        self._width = min(max(shutil.get_terminal_size((100, 24)).columns, 60), 110)

    def heading(self, number: int, title: str) -> None:
        """Begin a step."""
        click.echo()
        click.secho(f"{number}. {title}", bold=True)

    def tell(self, messages: Iterable[Json]) -> None:
        """Print the messages that were not printed before."""
        for message in messages:
            # A note of ours gets its words in the history when the channel reports it.
            if message["id"] not in self._told and message["text"]:
                self._told.add(message["id"])
                self._line(message)

    def proved(self, what: str) -> None:
        """Say what a step has shown."""
        self._verdict("✓", "green", what)

    def failed(self, what: str) -> None:
        """Say what did not happen."""
        self._verdict("✗", "red", what)

    def _line(self, message: Json) -> None:
        moment = datetime.fromisoformat(message["occurred_at"]).astimezone(self._zone)
        clock = click.style(f"{moment:%H:%M:%S}", fg="bright_black")
        text = message["text"].replace("**", "")  # Markdown's bold
        if message["kind"] == "marker":
            click.echo(f"{_INDENT}{clock}  " + click.style(f"── {text} ──", fg="bright_black"))
            return
        kind = message["author"]["kind"]
        name = _name(message["author"])
        label = f"{name}{_KINDS.get(message['kind'], '')}"
        hanging = " " * (len(_INDENT) + 10 + _NAME_WIDTH + 1)
        lines = [
            line for paragraph in text.splitlines() for line in self._wrapped(paragraph, hanging)
        ] or [""]
        shown = click.style(f"{label:<{_NAME_WIDTH}}", fg=_COLOURS.get(kind), bold=True)
        state = "" if message["state"] in ("received", "sent") else f"  [{message['state']}]"
        click.echo(f"{_INDENT}{clock}  {shown} {lines[0]}" + (state if len(lines) == 1 else ""))
        for index, line in enumerate(lines[1:], start=2):
            click.echo(hanging + line + (state if index == len(lines) else ""))

    def _wrapped(self, paragraph: str, hanging: str) -> list[str]:
        # Addresses stay whole: people copy them.
        width = self._width - len(hanging)
        return textwrap.wrap(paragraph, width, break_long_words=False, break_on_hyphens=False)

    def _verdict(self, mark: str, colour: str, what: str) -> None:
        lines = textwrap.wrap(what, self._width - 5)
        click.echo("  " + click.style(mark, fg=colour, bold=True) + f" {lines[0]}")
        for line in lines[1:]:
            click.echo(f"{_INDENT}{line}")


def _name(author: Json) -> str:
    name = author["name"] or ""
    if author["kind"] == "ai":
        return "AI" if not name else f"{name} (AI)" if "AI" not in name else name
    return name or str(author["kind"])
