"""How the database grows: bytes of each table and its indexes, and of its log."""

from __future__ import annotations

from sqlalchemy import text

from bench.figures import table
from bench.noted import note
from bench.servers import Ground

_TABLES = """
SELECT relname, pg_table_size(relid), pg_indexes_size(relid), n_live_tup FROM pg_stat_user_tables
"""
_LOG = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"
_SHOWN = 12


class Sizes:
    """What has come since it was made."""

    def __init__(self, place: Ground) -> None:
        self._place = place
        self._before = self._tables()
        self._log = place.count(_LOG)

    def tell(self, of: str, number: int) -> None:
        """Print what each of `number` has left, by table, and note the sums."""
        log = (self._place.count(_LOG) - self._log) / number
        grown = []
        for name, (rows, indexes, count) in self._tables().items():
            before = self._before.get(name, (0, 0, 0))
            grown.append((name, rows - before[0], indexes - before[1], count - before[2]))
        grown.sort(key=lambda one: -(one[1] + one[2]))
        sums = [sum(one[at] for one in grown) / number for at in (1, 2)]
        shown = [[f"bytes by {of}", "rows", "table", "indexes"]]
        for name, table_bytes, index_bytes, count in grown[:_SHOWN]:
            shown.append([name, f"{count / number:.2f}",
                          f"{table_bytes / number:.0f}",
                          f"{index_bytes / number:.0f}"])  # fmt: skip
        shown.append(["all", "", f"{sums[0]:.0f}", f"{sums[1]:.0f}"])
        print(table(shown))
        print(f"  {log:.0f} bytes of the database's log (WAL) by {of}\n")
        note(f"bytes by {of}: tables, indexes, WAL", f"{sums[0]:.0f}, {sums[1]:.0f}, {log:.0f}")
        told = ", ".join(f"{one[0]} {(one[1] + one[2]) / number:.0f}" for one in grown[:6])
        note(f"bytes by {of}, with indexes, by table", told)

    def _tables(self) -> dict[str, tuple[int, int, int]]:
        with self._place.database.engine.connect().execution_options(
            isolation_level="AUTOCOMMIT"
        ) as connection:
            connection.exec_driver_sql("ANALYZE")
            rows = connection.execute(text(_TABLES)).all()
        return {row[0]: (row[1], row[2], row[3]) for row in rows}
