"""Does the database walk the indexes that were made for the claim and for lists? Nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from jobrunner.store import finding, picking
from jobrunner.store.database import Database, Row

# below it a planner may well read the whole table, and rightly
LARGE = 20_000


@dataclass(frozen=True)
class Plan:
    """How a statement would be run: ``usable`` when its index can serve it, ``used`` when that is what would happen."""

    statement: str
    index: str
    usable: bool
    used: bool


def plans(database: Database) -> list[Plan]:
    """Returns the plans of the statements that have to stay fast with millions of jobs."""
    now = database.dialect.clock or "NULL"
    listed = {"status0": "failed", "n": 20}
    wanted: list[tuple[str, str, TextClause, Row]] = [
        (
            "the claim", "jobrunner_job_claim", picking.page_statement(now, ("type0",), False),
            {"type0": "t", "queue": "default", "n": 10},
        ),
        (
            "a list by status", "jobrunner_job_status",
            text(finding.ids(database.dialect.name, ("n", "status0"))), listed,
        ),
        (
            "a list by type", "jobrunner_job_type",
            text(finding.ids(database.dialect.name, ("n", "type"))), {"type": "t", "n": 20},
        ),
    ]  # fmt: skip
    look = {"sqlite": _sqlite, "mysql": _mysql, "postgresql": _postgresql}[database.dialect.name]
    return database.read(
        lambda connection: [
            Plan(name, index, *look(connection, statement, values, index))
            for name, index, statement, values in wanted
        ]
    )


def _explained(connection: Connection, verb: str, statement: TextClause, values: Row) -> list[Any]:
    return list(connection.execute(text(f"{verb} {statement.text}"), values))


def _sqlite(connection: Connection, statement: TextClause, values: Row, index: str) -> tuple[bool, bool]:
    steps = [str(row[3]) for row in _explained(connection, "EXPLAIN QUERY PLAN", statement, values)]
    used = any(index in step for step in steps) and not any("ORDER BY" in step for step in steps)
    return used, used


def _mysql(connection: Connection, statement: TextClause, values: Row, index: str) -> tuple[bool, bool]:
    rows = connection.execute(text(f"EXPLAIN {statement.text}"), values).mappings()
    row = next((row for row in rows if row["table"] in ("jobrunner_job", "j")), None)
    if row is None:
        return True, True  # the planner knows already that there is nothing
    possible = index in str(row["possible_keys"] or "").split(",")
    used = row["key"] == index
    count = connection.execute(_MYSQL_ROWS).scalar() or 0
    return possible or used, used or (possible and int(count) < LARGE)


def _postgresql(connection: Connection, statement: TextClause, values: Row, index: str) -> tuple[bool, bool]:
    used = any(index in str(row[0]) for row in _explained(connection, "EXPLAIN", statement, values))
    # of a small table nothing more can be told: any index is as good as another there
    usable = used or bool(connection.execute(_POSTGRESQL_VALID, {"name": index}).scalar())
    count = connection.execute(_POSTGRESQL_ROWS).scalar() or 0
    return usable, used or (usable and float(count) < LARGE)


_MYSQL_ROWS = text(
    "SELECT table_rows FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'jobrunner_job'"
)
_POSTGRESQL_VALID = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
_POSTGRESQL_ROWS = text("SELECT reltuples FROM pg_class WHERE oid = to_regclass('jobrunner_job')")
