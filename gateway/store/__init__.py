"""The record: tables with their rules, transactions, migrations. Knows no channel and no mode."""

from gateway.store.database import Database
from gateway.store.ids import new_id
from gateway.store.migrate import migrate

__all__ = ["Database", "migrate", "new_id"]
