"""`gateway doctor`: looks at everything that must be right, and says what to do where it is not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gateway.signs import Finding


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def doctor(as_json: bool) -> None:
    """Check settings, database, Redis and every channel. Exit status 1 if anything is wrong."""
    found = list(_examine())
    well = all(finding.ok for _, finding in found)
    if as_json:
        listed = [
            {"where": where, "code": one.code, "ok": one.ok, "what": one.what, "do": one.do}
            for where, one in found
        ]
        click.echo(json.dumps({"ok": well, "findings": listed}, ensure_ascii=False, indent=2))
    else:
        _print(found)
    if not well:
        raise SystemExit(1)


def _examine() -> Iterator[tuple[str, Finding]]:
    from gateway.cli import examinations
    from gateway.cli.examining_files import of_files
    from gateway.cli.examining_people import of_people
    from gateway.config import load_settings
    from gateway.errors import ConfigError
    from gateway.signs import Finding
    from gateway.wiring import build

    try:
        settings = load_settings(os.environ)
        parts = build(settings)
    except ConfigError as error:
        for problem in error.problems:
            setting, _, rest = problem.partition(": ")
            what, _, do = rest.partition("; ")
            yield "settings", Finding(ok=False, what=f"{setting} {what}", do=do)
        return
    rooms = {
        "settings": examinations.of_settings,
        "database": examinations.of_database,
        "redis": examinations.of_redis,
    }
    for where, examine in rooms.items():
        for finding in examine(settings):
            yield where, finding
    for finding in of_files(parts):
        yield "files", finding
    for finding in of_people(settings, parts):
        yield "people", finding
    for finding in examinations.of_apps(settings, parts):
        yield "apps", finding
    for name, channel in examinations.channels_of(settings, parts).items():
        live = list(examinations.of_channel(settings, channel))
        # What is seen now is truer than what a worker saw last.
        seen = {finding.code for finding in live}
        watched = examinations.of_watch(settings, parts, name)
        for finding in (*live, *(one for one in watched if one.code not in seen)):
            yield name, finding
    parts.database.dispose()


def _print(found: list[tuple[str, Finding]]) -> None:
    before = ""
    for where, finding in found:
        if where != before:
            click.secho(where, bold=True)
            before = where
        mark = click.style("✓", fg="green") if finding.ok else click.style("✗", fg="red")
        click.echo(f"  {mark} {finding.what}" + (f" → {finding.do}" if finding.do else ""))
    wrong = sum(not finding.ok for _, finding in found)
    click.echo(
        "all is well" if not wrong else f"{wrong} thing{'s' if wrong > 1 else ''} to put right"
    )
