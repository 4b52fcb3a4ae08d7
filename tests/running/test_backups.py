"""A backup is taken while others write, restored into an empty folder, and then compared."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
import stat
import tarfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway import __version__, backups
from gateway.backups.manifest import is_member
from gateway.cli import main
from gateway.clock import SystemClock, to_micros
from gateway.errors import Conflict, Unreadable
from gateway.instance import only_instance
from gateway.people import operators
from gateway.store import Database, migrate
from gateway.store.migrate import pending
from tests.rig import rig


def nobody(_done: int, _total: int) -> None:
    """Watches no progress."""


def contents(path: Path) -> dict[str, list[Any]]:
    """Every row of every table."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        names = db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        return {
            name: sorted(db.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
            for (name,) in names
        }


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Command:
    """The command, on a data folder of its choice."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._monkeypatch, self.folder = monkeypatch, folder
        monkeypatch.chdir(folder)
        for name in ("GATEWAY_DATABASE_URL", "GATEWAY_REDIS_URL", "GATEWAY_SECRET_KEY"):
            monkeypatch.delenv(name, raising=False)

    def on(self, data: Path, *arguments: str) -> Result:
        self._monkeypatch.setenv("GATEWAY_DATA_DIR", str(data))
        return CliRunner().invoke(main, arguments)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    return Command(monkeypatch, tmp_path)


@pytest.fixture
def lived_in(migrated_sqlite_url: str, tmp_path: Path) -> Path:
    """A data folder with a talk in its record and some files."""
    data = tmp_path / "lived-in"
    data.mkdir()
    with rig(migrated_sqlite_url, data) as it:
        for name in ("Ann", "Ben"):
            it.world.customer_starts(f"Hello, I am {name}", name=name)
        it.settle()
    database = Path(migrated_sqlite_url.partition(":///")[2])
    for suffix in ("", "-wal"):
        if (part := database.with_name(database.name + suffix)).exists():
            shutil.copyfile(part, data / f"gateway.db{suffix}")
    files = {"ab/fil_1": b"a picture", "cd/fil_2": bytes(100_000), "cd/empty": b""}
    for key, content in files.items():
        path = data / "files" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (data / "secret_key").write_text("not to be found in a backup")
    return data


# -- there and back ----------------------------------------------------------------------------


def test_what_is_restored_into_an_empty_folder_is_the_same(
    command: Command, lived_in: Path, tmp_path: Path
) -> None:
    file, empty = tmp_path / "backup.tar.gz", tmp_path / "empty"
    before = contents(lived_in / "gateway.db")
    assert before["messages"]
    taken = command.on(lived_in, "backup", str(file))
    assert taken.exit_code == 0, taken.output
    assert "3 files are in it" in taken.output
    assert "the secret key and the settings are not in it" in taken.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(tmp_path.glob("backup*")) == [file]

    restored = command.on(empty, "restore", str(file))
    assert restored.exit_code == 0, restored.output
    assert contents(empty / "gateway.db") == before
    assert contents(lived_in / "gateway.db") == before
    assert digests(empty / "files") == digests(lived_in / "files")
    assert not list(empty.glob("*.restoring"))
    assert b"not to be found" not in file.read_bytes()
    with tarfile.open(file) as tar:
        assert "secret_key" not in tar.getnames()
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert manifest["gateway"] == __version__
    assert manifest["schema"] == before["alembic_version"][0][0]
    assert set(manifest["members"]) == {
        "gateway.db", "files/ab/fil_1", "files/cd/fil_2", "files/cd/empty",
    }  # fmt: skip


def test_a_gateway_goes_on_where_the_backup_was_taken(
    migrated_sqlite_url: str, tmp_path: Path
) -> None:
    """What was owed is owed, a session goes on in the same mode."""
    source, target = Path(migrated_sqlite_url.partition(":///")[2]), tmp_path / "there.db"
    with rig(migrated_sqlite_url, tmp_path) as it:
        talk = it.world.customer_starts("Hello", name="Ann").conversation_id
        it.hear()
        backups.take(source, None, tmp_path / "b", clock=SystemClock(), tell=nobody)
        backups.restore(tmp_path / "b", target, None, tell=nobody)
        turns = it.turns()
        assert [turn.state for turn in turns] == ["due"]
        it.parts.database.dispose()
        for path in tmp_path.glob("gateway.db*"):
            path.unlink()
        target.rename(source)
        assert it.turns() == turns
        it.settle()
        assert len(it.said_by_bot(talk)) == 1


def test_a_backup_is_of_one_moment_while_others_write(
    migrated_sqlite_url: str, tmp_path: Path
) -> None:
    """Two tables are always written together; a copy that mixed moments would tell."""
    source = Path(migrated_sqlite_url.partition(":///")[2])
    database = Database(migrated_sqlite_url)
    written, over = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            number += 1
            email, now = f"{number}@acme.example", to_micros(SystemClock().now())

            def add(db: Any, email: str = email, now: int = now) -> None:
                one = operators.add(db, email=email, name=email, role="viewer", now=now)
                operators.new_token(db, one.id, now)

            database.write(add)
            if number == 20:
                written.set()

    writing = threading.Thread(target=write)
    writing.start()
    try:
        assert written.wait(20)
        for number in range(5):
            seen: list[int] = []

            def tell(done: int, _total: int, seen: list[int] = seen) -> None:
                seen.append(done)
                assert len(seen) < 3000, "it begins anew with each write"
                threading.Event().wait(0.002)  # somebody writes between any two steps

            file = tmp_path / f"b{number}"
            backups.take(source, None, file, clock=SystemClock(), tell=tell, pages=10)
            copied = seen[: seen.index(max(seen)) + 1]
            assert len(copied) > 10
            assert copied == sorted(copied)
    finally:
        over.set()
        writing.join()
        database.dispose()
    counts = []
    for number in range(5):
        copy = tmp_path / f"copy{number}.db"
        backups.restore(tmp_path / f"b{number}", copy, None, tell=nobody)
        with closing(sqlite3.connect(copy)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            (people,) = db.execute("SELECT count(*) FROM operators").fetchone()
            (tokens,) = db.execute("SELECT count(*) FROM tokens").fetchone()
        assert people == tokens >= 20
        counts.append(people)
    assert counts == sorted(counts)
    assert counts[0] < counts[-1], "nobody wrote meanwhile"


def test_a_backup_of_older_tables_is_brought_up_to_date(command: Command, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    migrate(f"sqlite:///{old}", "0019")
    backups.take(old, None, tmp_path / "b", clock=SystemClock(), tell=nobody)
    restored = command.on(tmp_path / "empty", "restore", str(tmp_path / "b"))
    assert restored.exit_code == 0, restored.output
    database = Database(f"sqlite:///{tmp_path / 'empty' / 'gateway.db'}")
    assert not pending(database)
    database.dispose()


# -- what is refused ---------------------------------------------------------------------------


@pytest.fixture
def a_backup(migrated_sqlite_url: str, tmp_path: Path) -> Path:
    source = Path(migrated_sqlite_url.partition(":///")[2])
    file = tmp_path / "a-backup"
    backups.take(source, None, file, clock=SystemClock(), tell=nobody)
    return file


def test_a_folder_in_use_is_not_restored_over(
    command: Command, a_backup: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "something").write_text("here")
    refused = command.on(data, "restore", str(a_backup))
    assert refused.exit_code == 1
    assert "is not empty (something)" in refused.output
    assert sorted(path.name for path in data.iterdir()) == ["secret_key", "something", "up.lock"]


def test_nothing_is_restored_while_a_gateway_runs(
    command: Command, a_backup: Path, tmp_path: Path
) -> None:
    with only_instance(tmp_path / "data"):
        refused = command.on(tmp_path / "data", "restore", str(a_backup))
    assert refused.exit_code == 2
    assert "another gateway is running" in refused.output


def test_a_file_that_is_there_is_not_written_over(
    command: Command, lived_in: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("mine")
    refused = command.on(lived_in, "backup", str(tmp_path / "mine"))
    assert refused.exit_code == 1
    assert "is there already" in refused.output
    assert (tmp_path / "mine").read_text() == "mine"


def test_postgresql_is_told_what_to_use_instead(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x")
    for word in ("backup", "restore"):
        refused = command.on(tmp_path / "data", word, str(tmp_path / "b"))
        assert refused.exit_code == 2
        assert "pg_dump" in refused.output


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-2000])


def rot(file: Path) -> None:
    """One byte of the database is another, and the gzip's own sum holds."""
    with tarfile.open(file) as tar:
        members = {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
    members["gateway.db"] = members["gateway.db"][:-1] + b"!"
    pack(file, members)


def lead_out(file: Path) -> None:
    pack(file, {"files/../../evil": b"x"})


def age(file: Path) -> None:
    with tarfile.open(file) as tar:
        members = {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
    manifest = json.loads(members["manifest.json"])
    members["manifest.json"] = json.dumps(manifest | {"schema": "9999"}).encode()
    pack(file, members)


def say_nothing(file: Path) -> None:
    file.write_bytes(b"no backup")


def pack(file: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(file, "w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


@pytest.mark.parametrize("spoil", [cut, rot, lead_out, age, say_nothing])
def test_what_is_no_whole_backup_leaves_nothing_behind(
    spoil: Callable[[Path], None], a_backup: Path, tmp_path: Path
) -> None:
    spoil(a_backup)
    there = tmp_path / "there"
    there.mkdir()
    with pytest.raises(Unreadable):
        backups.restore(a_backup, there / "gateway.db", there / "files", tell=nobody)
    assert list(there.iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_files_that_lie_there_are_not_mixed_with_others(a_backup: Path, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "one").write_text("mine")
    with pytest.raises(Conflict, match="not empty"):
        backups.restore(a_backup, tmp_path / "there.db", tmp_path / "files", tell=nobody)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "files",
        "files/",
        "files/../x",
        "files//x",
        "./files/x",
        "other",
        "files/a\\b",
    ],
)
def test_names_that_lead_out_are_no_members(name: str) -> None:
    assert not is_member(name)
    assert is_member("files/ab/fil_1")
