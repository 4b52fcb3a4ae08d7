"""From upload to gone: whole or not at all, wherever the bytes lie."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway import files as room
from gateway.clock import MovableClock
from gateway.errors import (
    ConfigError,
    NotFound,
    Theirs,
    TooMany,
    Unavailable,
    Unreadable,
)
from gateway.files import File, Files, Links, Owner, Upload, Vault
from gateway.store import Database
from gateway.store.models import FileRow
from tests.files.conftest import lying_in, open_files
from tests.files.samples import png

VERA = Owner(kind="visitor", id="vis_vera", channel="acme-web")
ANN = Owner(kind="operator", id="opr_ann")


def upload(content: bytes = b"", name: str = "photo.png", **more: Any) -> Upload:
    content = content or png()
    pieces = (content[at : at + 1000] for at in range(0, len(content), 1000))
    return Upload(name=name, chunks=pieces, **more)


def find(database: Database, file_id: str) -> File:
    with database.read() as db:
        return room.find(db, file_id)


def states(database: Database) -> dict[str, str]:
    with database.read() as db:
        return {row[0]: row[1] for row in db.execute(select(FileRow.id, FileRow.state))}


def test_what_is_taken_in_is_given_out(files: Files, database: Database, place: str) -> None:
    content = png(30, 20) + bytes(150_000)
    file = files.accept(VERA, upload(content, "../my photo.PNG"))
    assert (file.name, file.content_type, file.size) == ("my photo.PNG", "image/png", len(content))
    assert (file.width, file.height) == (30, 20)
    assert find(database, file.id) == file
    assert b"".join(files.download(file).chunks) == content
    assert lying_in(place) == {file.id: len(content)}


def test_bytes_are_ours_alone(database: Database, tmp_path: Path, clock: MovableClock) -> None:
    open_files(database, str(tmp_path / "f"), clock).accept(VERA, upload())
    assert (tmp_path / "f").stat().st_mode & 0o077 == 0


def said(pieces: list[bytes | Exception]) -> Iterator[bytes]:
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


HOSTILE: dict[str, tuple[list[bytes | Exception], int]] = {
    "a program": ([b"MZ" + bytes(99)], 415),
    "nothing": ([], 400),
    "nothing, twice": ([b"", b""], 400),
    "too large": ([png() + bytes(70_000), bytes(150_000)], 413),
    "too large at once": ([png() + bytes(300_000)], 413),
    "cut late": ([png() + bytes(70_000), Unreadable("cut")], 400),
    "cut early": ([png(), Unreadable("cut")], 400),
}


@pytest.mark.parametrize(("pieces", "status"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_refused_leaves_nothing_behind(
    pieces: list[bytes | Exception], status: int, files: Files, database: Database, place: str
) -> None:
    with pytest.raises(Theirs) as refused:
        files.accept(VERA, Upload(name="x.png", chunks=said(pieces)))
    assert refused.value.status == status
    assert states(database) == {}
    assert lying_in(place) == {}


def test_a_place_that_fails_leaves_nothing_behind(
    database: Database, tmp_path: Path, clock: MovableClock
) -> None:
    (tmp_path / "f").write_text("in the way")
    with pytest.raises(Unavailable) as failed:
        open_files(database, str(tmp_path / "f" / "g"), clock).accept(VERA, upload())
    assert str(tmp_path) not in failed.value.message
    assert states(database) == {}


class Killed(BaseException):
    """Nothing of ours runs after this, as after `kill -9`."""


class Stopping(Vault):
    """A place at which the process dies."""

    def write(self, key: str, chunks: Iterator[bytes]) -> None:
        system, root = self._place
        system.makedirs(f"{root}/{key.rpartition('/')[0]}", exist_ok=True)
        system.pipe_file(f"{root}/{key}", next(chunks))
        raise Killed


def test_a_process_that_dies_while_it_writes_leaves_what_upkeep_sweeps(
    database: Database, place: str, clock: MovableClock
) -> None:
    files = open_files(database, place, clock)
    dying = open_files(database, place, clock, vault=Stopping(place))
    with pytest.raises(Killed):
        dying.accept(VERA, upload())
    (file_id,) = states(database)
    assert set(lying_in(place)) == {file_id}
    with pytest.raises(NotFound):
        find(database, file_id)
    assert files.sweep() == 0  # it may still be on its way
    clock.advance(3601)
    assert files.sweep() == 1
    assert lying_in(place) == {}
    clock.advance(timedelta(days=1).total_seconds())
    files.sweep()
    assert states(database) == {}


def test_a_process_that_dies_before_the_row_says_so_leaves_what_upkeep_sweeps(
    files: Files, database: Database, place: str, clock: MovableClock
) -> None:
    received = files.receive(VERA, upload())
    assert states(database) == {received.id: "coming"}
    clock.advance(3601)
    assert files.sweep() == 1
    assert lying_in(place) == {}
    with pytest.raises(Theirs):  # it comes back from the dead
        database.write(lambda db: files.keep(db, received))
    files.discard(received)


def test_what_is_not_kept_is_discarded(files: Files, database: Database, place: str) -> None:
    files.discard(files.receive(ANN, upload()))
    assert (states(database), lying_in(place)) == ({}, {})


def test_what_is_never_sent_goes_after_some_days(
    files: Files, database: Database, place: str, clock: MovableClock
) -> None:
    file = files.accept(VERA, upload())
    clock.advance(2 * 86_400 - 1)
    assert files.sweep() == 0
    assert find(database, file.id) == file
    clock.advance(2)
    assert files.sweep() == 1
    assert (states(database), lying_in(place)) == ({}, {})


def test_bytes_that_cannot_be_removed_are_tried_again(
    database: Database, tmp_path: Path, clock: MovableClock
) -> None:
    place = tmp_path / "f"
    files = open_files(database, str(place), clock)
    file = files.accept(VERA, upload())
    database.write(lambda db: room.take_away(db, FileRow.id == file.id, 1))
    path = next(place.glob("*/*"))
    path.unlink()
    path.mkdir()
    assert files.sweep() == 0
    path.rmdir()
    path.write_bytes(b"x")
    assert files.sweep() == 1
    assert lying_in(str(place)) == {}


def test_bytes_that_are_lost_are_not_found(files: Files, place: str) -> None:
    file = files.accept(VERA, upload())
    Vault(place).remove(file.key)
    with pytest.raises(NotFound):
        files.download(file)


def test_a_visitor_may_upload_so_much_a_day(
    database: Database, place: str, clock: MovableClock
) -> None:
    files = open_files(database, place, clock, visitor_files_per_day=3)
    for _ in range(3):
        files.accept(VERA, upload())
        clock.advance(60)
    with pytest.raises(TooMany) as refused:
        files.accept(VERA, upload())
    assert refused.value.after_s == 86_400 - 180
    files.accept(Owner(kind="visitor", id="vis_walt", channel="acme-web"), upload())
    for _ in range(4):
        files.accept(ANN, upload())
    clock.advance(86_400 - 180)
    files.accept(VERA, upload())


def test_bytes_are_counted_as_they_were_announced_and_then_as_they_are(
    database: Database, place: str, clock: MovableClock
) -> None:
    files = open_files(database, place, clock, visitor_bytes_per_day=250_000)
    files.receive(VERA, upload())  # says no length: 200,000 may come
    with pytest.raises(TooMany):
        files.accept(VERA, upload())
    kept = files.accept(VERA, upload(declared=40_000))
    assert kept.size < 1000
    files.accept(VERA, upload(declared=40_000))


def test_many_uploads_at_once_are_counted(
    database: Database, tmp_path: Path, clock: MovableClock
) -> None:
    files = open_files(database, str(tmp_path / "f"), clock, visitor_files_per_day=3)
    refused: list[TooMany] = []

    def send() -> None:
        try:
            files.accept(VERA, upload())
        except TooMany as error:
            refused.append(error)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5
    assert [*states(database).values()] == ["uploaded"] * 3


def test_only_ones_own_unsent_files_can_be_sent(files: Files, database: Database) -> None:
    mine, theirs = files.accept(VERA, upload()), files.accept(ANN, upload())

    def ask(*ids: str, owner: Owner = VERA) -> Any:
        with database.read() as db:
            return room.to_send(db, owner, ids)

    assert ask(mine.id) == [mine]
    assert ask() == []
    same_id = Owner(kind="operator", id="vis_vera")
    for ids, owner in (
        ([theirs.id], VERA), ([mine.id, mine.id], VERA), (["fil_none"], VERA),
        ([mine.id], same_id), ([f"fil_{n}" for n in range(6)], VERA),
    ):  # fmt: skip
        with pytest.raises(Unreadable):
            ask(*ids, owner=owner)


def test_a_link_opens_one_file_for_a_day(files: Files, clock: MovableClock) -> None:
    file = files.accept(VERA, upload())
    link = files.link(file.id)
    token = link.removeprefix("https://gateway.acme.test/files/")
    assert files.opened_by(token) == file
    clock.advance(86_399)
    assert files.opened_by(token) == file
    clock.advance(1)
    with pytest.raises(NotFound):
        files.opened_by(token)


def test_a_link_cannot_be_made_or_changed() -> None:
    id, other = "fil_" + "0" * 26, "fil_" + "1" * 26
    token = Links("a secret key").token(id, 1000.0)
    assert Links("a secret key").file_of(token, 1000.0) == id
    said, until, signature = token.split(".")
    for forged in (
        f"{other}.{until}.{signature}", f"{said}.fffffffff.{signature}", f"{said}.{until}.",
        f"{said}.{until}.{'A' * 43}", token + "=", token.upper(), "", ".", said, "x" * 10_000,
        f"{said}.{until}.{signature[:-1]}é",
    ):  # fmt: skip
        with pytest.raises(NotFound):
            Links("a secret key").file_of(forged, 1000.0)
    with pytest.raises(NotFound):
        Links("another key").file_of(token, 1000.0)


@pytest.mark.parametrize("url", ["nonsense://x", "s3://bucket/files"])
def test_a_place_that_is_not_known_is_told_at_start(url: str) -> None:
    with pytest.raises(ConfigError, match=r"\[files\] url"):
        Vault(url)
