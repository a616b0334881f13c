"""Whether any job waits to be taken: one question, which mostly answers the look of an idle pool."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import text
from sqlalchemy.engine import Connection

from jobrunner import clock
from jobrunner.states import Status
from jobrunner.store.database import Database, Row


def any_waits(database: Database, connection: Connection) -> bool:
    """True when there is any job that is queued, or whose time has come."""
    statement = _statement(database.dialect.present)
    return bool(connection.execute(statement, values(database)).scalar())


def condition(present: str | None) -> str:
    """Returns the same as an SQL expression, for a dialect's ``present``; it may need ``values``."""
    return (
        f"EXISTS (SELECT 1 FROM jobrunner_job q WHERE q.status = '{Status.QUEUED}') OR EXISTS (SELECT 1"
        f" FROM jobrunner_job s WHERE s.status = '{Status.SCHEDULED}' AND s.available_at <= {moment(present)})"
    )


def moment(present: str | None) -> str:
    """Returns an SQL expression for the present that an index can be searched for."""
    # a subquery is worked out once, which PostgreSQL otherwise does not believe of a clock that goes on
    return ":now" if present is None else f"(SELECT {present})"


def values(database: Database) -> Row:
    """Returns what ``moment`` needs where the database has no clock of its own."""
    return {} if database.dialect.present is not None else {"now": clock.db_text(clock.now())}


_statement = lru_cache(lambda present: text(f"SELECT {condition(present)}"))
