"""A job started again as a new one: the new one names the old one in a tag, and so each finds the other."""

from __future__ import annotations

from jobrunner.store import lists
from jobrunner.store.database import Database
from jobrunner.store.lists import Filter

PREDECESSOR = "restart_of"
MOST = 10


def successors(database: Database, job_id: int) -> list[int]:
    """Returns the newest jobs that were started again from this one."""
    rows, _, _ = lists.page(database, Filter(tags=((PREDECESSOR, str(job_id)),)), MOST)
    return [int(row["id"]) for row in rows]
