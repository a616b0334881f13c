"""Leases by name: who leads, until when, and how often it was taken or renewed."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from jobrunner import clock
from jobrunner.store.database import Database, plain
from jobrunner.store.retrying import is_unique_violation


def acquire(database: Database, name: str, holder: str, seconds: float) -> int | None:
    """Takes or renews the lease ``name`` for ``seconds``; returns its counter, None while somebody else holds it.

    The counter grows at every success, so what was decided under a lower one is known to be older. A lease is a
    matter of economy: clocks may jump, and two holders for a moment must do no harm.
    """

    def work(connection: Connection) -> int | None:
        found = connection.execute(_select(database.dialect.lock), {"name": name}).mappings().first()
        now = database.now(connection)
        bound = {"name": name, "holder": holder, "now": clock.db_text(now)}
        bound["until"] = clock.db_text(clock.shift(now, seconds))
        if found is None:
            try:
                connection.execute(_INSERT, bound)
            except IntegrityError as error:
                if is_unique_violation(error):
                    raise _TakenMeanwhile from error
                raise
            return 1
        row = plain(found)
        if row["holder"] != holder and row["lease_until"] >= now:
            return None
        changed = connection.execute(_TAKE, bound | {"seen": row["beats"]}).rowcount
        return int(row["beats"]) + 1 if changed == 1 else None

    try:
        return database.write(work)
    except _TakenMeanwhile:
        return None


def release(database: Database, name: str, holder: str) -> None:
    """Gives a lease back before its time; nothing when somebody else holds it."""

    def work(connection: Connection) -> None:
        now = clock.db_text(database.now(connection))
        connection.execute(_RELEASE, {"name": name, "holder": holder, "now": now})

    database.write(work)


class _TakenMeanwhile(Exception):
    """Somebody else wrote the row of a new lease first."""


_INSERT = text(
    "INSERT INTO jobrunner_lease (name, holder, beats, heartbeat_at, lease_until)"
    " VALUES (:name, :holder, 1, :now, :until)"
)
_TAKE = text(
    "UPDATE jobrunner_lease SET holder = :holder, beats = beats + 1, heartbeat_at = :now, lease_until = :until"
    " WHERE name = :name AND beats = :seen"
)
_RELEASE = text("UPDATE jobrunner_lease SET lease_until = :now WHERE name = :name AND holder = :holder")


@lru_cache
def _select(lock_clause: str) -> TextClause:
    return text(f"SELECT holder, beats, lease_until FROM jobrunner_lease WHERE name = :name{lock_clause}")
