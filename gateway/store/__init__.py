"""The record: tables with their rules, transactions, migrations. Knows no channel and no mode."""

from gateway.store.database import PATIENCE_S, Database
from gateway.store.ids import new_id
from gateway.store.migrate import migrate
from gateway.store.together import Together
from gateway.store.transaction import Transaction

__all__ = ["PATIENCE_S", "Database", "Together", "Transaction", "migrate", "new_id"]
