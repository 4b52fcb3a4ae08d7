"""Backups of the embedded set-up: taken while it runs, restored into an empty folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.settings import is_embedded, migrate_now, read_settings

if TYPE_CHECKING:
    from gateway.backups.manifest import Progress
    from gateway.config import Settings

# What may lie in a folder that counts as empty.
_OURS = {"secret_key", "up.lock"}
_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@_FILE
def backup(file: Path) -> None:
    """Write the database and its files, as they are now, into FILE. The gateway may run meanwhile.

    The secret key and the settings are not in it. For the SQLite set-up; PostgreSQL has pg_dump.
    """
    from gateway.backups import take
    from gateway.clock import SystemClock

    settings = read_settings()
    database, files = _places(settings)
    with _bar("backing up") as tell:
        manifest = take(database, files, file.absolute(), clock=SystemClock(), tell=tell)
    _tell_of_files(files, len(manifest.members) - 1, "in it")
    click.echo(f"{file} is written; the secret key and the settings are not in it")


@click.command()
@_FILE
def restore(file: Path) -> None:
    """Put what FILE holds into the data folder, which must be empty, and bring it up to date."""
    from gateway.backups import restore as put_back
    from gateway.errors import Conflict
    from gateway.instance import only_instance

    settings = read_settings()
    database, files = _places(settings)
    with only_instance(settings.data_dir):
        names = {path.name for path in settings.data_dir.iterdir()}
        there = sorted(name for name in names - _OURS if not name.endswith(".restoring"))
        if there:
            raise Conflict(
                f"the data folder {settings.data_dir} is not empty ({', '.join(there[:5])}); a "
                "backup is restored into an empty one"
            )
        with _bar("restoring") as tell:
            manifest = put_back(file, database, files, tell=tell)
        migrate_now(settings)
    _tell_of_files(files, len(manifest.members) - 1, "restored")
    click.echo(
        f"the backup of {manifest.taken_at} by gateway {manifest.gateway} is in "
        f"{settings.data_dir}, with the tables of this version"
    )


def _places(settings: Settings) -> tuple[Path, Path | None]:
    """Where the database and the files lie; None for files that lie in no folder of ours."""
    from gateway.wiring import place_of_files

    place = place_of_files(settings)
    if not is_embedded(settings):
        raise click.UsageError(
            "the database is PostgreSQL: use `pg_dump --format=custom` and `pg_restore`, or your "
            f"provider's snapshots, and copy its files ({place.partition('://')[0]}) afterwards"
        )
    return Path(settings.database_url.partition(":///")[2]), None if "://" in place else Path(place)


def _tell_of_files(files: Path | None, count: int, where: str) -> None:
    if files is None:
        click.echo("its files lie where [files] url says; they are not touched")
    else:
        click.echo(f"{count} files are {where}")


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    with click.progressbar(length=1, label=label, width=30) as bar:

        def tell(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield tell
