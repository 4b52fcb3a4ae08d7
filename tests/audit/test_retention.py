"""The audit is kept for ever, unless the settings say otherwise."""

from dataclasses import replace

from sqlalchemy import func, select

from gateway import audit
from gateway.audit import SYSTEM
from gateway.config.settings import AuditSettings
from gateway.store.models import AuditEntry
from gateway.sync.upkeep import Upkeep
from tests.api.house import House


def test_entries_are_removed_after_so_many_days(migrated_url: str) -> None:
    house = House(migrated_url, people=False)
    house.database.write(lambda db: audit.write(db, SYSTEM, "old", None, now=house.now))
    house.clock.advance(30 * 86_400)
    house.database.write(lambda db: audit.write(db, SYSTEM, "new", None, now=house.now))

    def left(keep_days: int) -> list[str]:
        config = replace(house.parts.settings, audit=AuditSettings(keep_days=keep_days))
        Upkeep(replace(house.parts, settings=config)).forget()
        with house.database.read() as db:
            return list(db.scalars(select(AuditEntry.action).order_by(AuditEntry.at)))

    assert left(0) == ["old", "new"]
    assert left(31) == ["old", "new"]
    assert left(29) == ["new"]
    with house.database.read() as db:
        assert db.scalar(select(func.count()).select_from(AuditEntry)) == 1
    house.database.dispose()
