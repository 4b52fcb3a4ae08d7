"""Tokens are sealed; a key is replaced while everything runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from gateway.cli import main
from gateway.errors import Paused
from gateway.installing import Seals
from gateway.store.models import AppInstallation
from tests.installing.town import APP, EAST, WEST, Town


def test_a_seal_holds_for_its_place_and_its_key() -> None:
    seals = Seals("new", ("old", "older"))
    sealed = seals.seal("dG9rOg-token", "ins_1")
    assert b"token" not in sealed
    assert sealed != seals.seal("dG9rOg-token", "ins_1")
    assert seals.open(sealed, "ins_1") == "dG9rOg-token"
    of_before = Seals("old").seal("x", "ins_1")
    assert (seals.is_current(sealed), seals.is_current(of_before)) == (True, False)
    assert seals.open(of_before, "ins_1") == "x"
    for wrong, place in (
        (sealed, "ins_2"), (sealed[:-1], "ins_1"), (sealed[:-1] + b"\0", "ins_1"), (b"", "ins_1"),
        (Seals("another").seal("x", "ins_1"), "ins_1"),
    ):  # fmt: skip
        with pytest.raises(Paused):
            seals.open(wrong, place)


def sealed(it: Town) -> dict[str, bytes]:
    with it.parts.database.read() as db:
        rows = db.execute(select(AppInstallation.channel, AppInstallation.token))
        return {row.channel: row.token for row in rows}


def test_a_key_is_replaced_while_everything_runs(
    on_both: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = on_both
    it.install(EAST)
    it.install(WEST)
    token = it.workspaces[EAST].token
    assert all(token.encode() not in one for one in sealed(it).values())
    # Processes with the new key, one after the other; those with the old one go on.
    both = it.built(replace(it.settings, secret_key="two", previous_secret_keys=("one",)))
    try:
        assert [one.paused for one in both.channels.values()] == [None, None]
        _reseal(it, tmp_path, monkeypatch, "0 sealed anew", GATEWAY_SECRET_KEY="one")
        _reseal(
            it, tmp_path, monkeypatch, "2 sealed anew",
            GATEWAY_SECRET_KEY="two", GATEWAY_SECRET_KEY_PREVIOUS="one",
        )  # fmt: skip
        it.clock.advance(2)
        both.refresh()
        assert [one.paused for one in both.channels.values()] == [None, None]
        sender = both.channels[f"{APP}.{EAST}"].open_sender()
        assert sender.installation() == EAST
        assert both.channels[f"{APP}.{WEST}"].open_sender().installation() == WEST
    finally:
        both.database.dispose()
    alone = it.built(replace(it.settings, secret_key="two"))
    try:
        assert [one.paused for one in alone.channels.values()] == [None, None]
    finally:
        alone.database.dispose()
    # Whoever has the old key alone says so, and asks nothing.
    it.parts.refresh()
    assert all("GATEWAY_SECRET_KEY" in (one.paused or "") for one in it.parts.channels.values())
    _reseal(it, tmp_path, monkeypatch, "2 could not be opened", GATEWAY_SECRET_KEY="three")


def test_a_token_that_is_moved_does_not_open(it: Town) -> None:
    it.install(EAST)
    it.install(WEST)
    east = sealed(it)[f"{APP}.{EAST}"]

    def move(db: object) -> None:
        change = update(AppInstallation).where(AppInstallation.channel == f"{APP}.{WEST}")
        db.execute(change.values(token=east, version=AppInstallation.version + 1))  # type: ignore[attr-defined]

    it.parts.database.write(move)
    it.clock.advance(2)
    it.parts.refresh()
    assert it.parts.channels[f"{APP}.{EAST}"].paused is None
    assert it.parts.channels[f"{APP}.{WEST}"].paused is not None


def _reseal(
    it: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, **environ: str
) -> None:
    it.configure(tmp_path, monkeypatch, **environ)
    done = CliRunner().invoke(main, ["installations", "reseal"])
    assert says in done.output, (done.output, done.exception)
    listed = CliRunner().invoke(main, ["installations", "list"])
    assert f"{APP}.{EAST}  active" in listed.output
