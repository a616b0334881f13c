"""The workers that there are, and whether they live."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from jobrunner import clock, jsontext, processes
from jobrunner.store import lists
from jobrunner.store.database import Database, Row
from jobrunner.store.workers import drain_of

SHOWN = (
    "id", "kind", "host", "pid", "scope", "version", "queues", "capacity", "jobs", "started_at", "heartbeat_at",
    "lease_until", "memory_bytes", "cpu_percent",
)  # fmt: skip
WORKING = ("live", "draining")


def workers(database: Database) -> list[dict[str, Any]]:
    """Returns the workers that have not ended, newest first.

    ``state`` is live, draining (it was asked to end in order), stale (its lease has expired) or dead (its process, on
    this host, is gone), ``lease_age`` the seconds since its last heartbeat, ``jobs`` how many it has in hand.
    ``labels`` are names and values that tell people about it; which jobs it takes does not depend on them.
    ``memory_bytes`` and ``cpu_percent`` (of one core) are what it and all that runs for it used at its last heartbeat,
    None where that is not known; pages that processes share count in each. ``drain`` is None, or
    ``{at, by, reason}``.
    """
    return [
        {name: row[name] for name in SHOWN}
        | {"state": state(row), "lease_age": _age(row), "labels": _labels(row), "drain": _drain(row)}
        for row in lists.workers(database)
    ]


def state(row: Row) -> str:
    """Returns live, draining, stale or dead for the row of a worker that has not ended."""
    runs = processes.life(
        row["host"], row["boot_id"], row["pid_namespace"], row["pid"], row["process_started"]
    )
    if runs is False:
        return "dead"
    if row["lease_until"] is None or row["lease_until"] < row["clock"]:
        return "stale"
    return "live" if row["drain_at"] is None else "draining"


def _labels(row: Row) -> dict[str, str]:
    return {} if row["labels"] is None else dict(jsontext.loads(row["labels"]))


def _drain(row: Row) -> dict[str, Any] | None:
    asked = drain_of(row)
    return None if asked is None else asdict(asked)


def _age(row: Row) -> float | None:
    if row["heartbeat_at"] is None:
        return None
    return round(max(0.0, clock.between(row["heartbeat_at"], row["clock"])), 3)
