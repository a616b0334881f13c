"""The workers that there are, and whether they live."""

from __future__ import annotations

from typing import Any

from jobrunner import clock, processes
from jobrunner.store import lists
from jobrunner.store.database import Database, Row

SHOWN = (
    "id", "kind", "host", "pid", "scope", "version", "queues", "capacity", "jobs", "started_at", "heartbeat_at",
    "lease_until",
)  # fmt: skip


def workers(database: Database) -> list[dict[str, Any]]:
    """Returns the workers that have not ended, newest first.

    ``state`` is live, stale (its lease has expired) or dead (its process, on this host, is gone),
    ``lease_age`` the seconds since its last heartbeat, ``jobs`` how many it has in hand.
    """
    return [
        {name: row[name] for name in SHOWN} | {"state": state(row), "lease_age": _age(row)}
        for row in lists.workers(database)
    ]


def state(row: Row) -> str:
    """Returns live, stale or dead for the row of a worker."""
    runs = processes.life(
        row["host"], row["boot_id"], row["pid_namespace"], row["pid"], row["process_started"]
    )
    if runs is False:
        return "dead"
    return "stale" if row["lease_until"] is None or row["lease_until"] < row["clock"] else "live"


def _age(row: Row) -> float | None:
    if row["heartbeat_at"] is None:
        return None
    return round(max(0.0, clock.between(row["heartbeat_at"], row["clock"])), 3)
