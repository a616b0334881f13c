"""Whether any job waits to be taken, as an SQL expression for whoever asks something else too."""

from __future__ import annotations

from jobrunner import clock
from jobrunner.states import Status
from jobrunner.store.database import Database, Row


def condition(present: str | None) -> str:
    """Returns what is true when any job is queued or due, for a dialect's ``present``; it may need ``values``."""
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
