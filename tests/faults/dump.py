"""Everything that the tables say, read by plain SQL in a connection of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from jobrunner.store.database import plain

Row = dict[str, Any]
_ORDERS = {
    "job": "id",
    "job_attempt": "job_id, attempt",
    "job_transition": "job_id, seq",
    "job_log": "job_id, seq",
    "worker": "id",
    "refused_write": "id",
    "tombstone": "id",
    "transition_rule": "from_status",
}


@dataclass
class Dump:
    """The rows of one store; a job's rows stand in order of their seq."""

    jobs: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    transitions: list[Row] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)
    workers: list[Row] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)
    tombstones: list[Row] = field(default_factory=list)
    rules: list[Row] = field(default_factory=list)

    def of(self, rows: list[Row], job: int) -> list[Row]:
        """Returns the rows that belong to a job."""
        return self._by_job(rows).get(job, [])

    def _by_job(self, rows: list[Row]) -> dict[int, list[Row]]:
        key = id(rows)
        if self._indexes.get(key, (None, -1))[1] != len(rows):
            index: dict[int, list[Row]] = {}
            for row in rows:
                index.setdefault(row["job_id"], []).append(row)
            self._indexes[key] = (index, len(rows))
        return self._indexes[key][0]

    def __post_init__(self) -> None:
        self._indexes: dict[int, tuple[Any, int]] = {}


def dump(connect: Callable[[], Any]) -> Dump:
    """Reads a store in one transaction."""
    with closing(connect()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("START TRANSACTION" if "sqlite3" not in type(connection).__module__ else "BEGIN")
        tables = [_rows(cursor, name, order) for name, order in _ORDERS.items()]
        cursor.execute("ROLLBACK")
    return Dump(*tables)


def _rows(cursor: Any, name: str, order: str) -> list[Row]:
    cursor.execute(f"SELECT * FROM jobrunner_{name} ORDER BY {order}")
    columns = [column[0] for column in cursor.description]
    return [plain(dict(zip(columns, row, strict=True))) for row in cursor.fetchall()]  # type: ignore[arg-type]
