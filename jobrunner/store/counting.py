"""How many jobs there are, at a cost that does not grow with them: exact up to a ceiling, from indexes alone."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakKeyDictionary

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

from jobrunner import clock
from jobrunner.states import Status
from jobrunner.store.database import PATIENCE, Database, plain

CEILING = 10_000
# a count that reached the ceiling is not taken again for so long: it will hardly have come down
KEPT = 10.0
# one of thousands is taken again soon, but not at every page of a burst
LARGE, PRESENT = 1_000, 0.5
STATUSES = tuple(status.value for status in Status if status is not Status.NEW)


@dataclass(frozen=True)
class Count:
    """A number of jobs; when ``more`` is true there are more than that."""

    number: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.more else ''}"


@dataclass(frozen=True)
class Waiting:
    """The job that has been ready for the longest time, since when, and the database's present moment."""

    job_id: int
    since: str
    clock: str

    @property
    def seconds(self) -> float:
        """Returns for how long it has been ready."""
        return max(0.0, clock.between(self.since, self.clock))


_kept: WeakKeyDictionary[Database, dict[tuple[str, int], tuple[Count, float]]] = WeakKeyDictionary()
_guard = threading.Lock()


def counts(database: Database, ceiling: int = CEILING, *, patience: float = PATIENCE) -> dict[str, Count]:
    """Returns how many jobs there are in each status, those without any included; large numbers as of a moment ago."""
    now = clock.monotonic()
    with _guard:
        kept = _kept.setdefault(database, {})
        found = {
            status: count for (status, at), (count, until) in kept.items() if at == ceiling and until > now
        }
    asked = tuple(status for status in STATUSES if status not in found)
    if asked:
        statement, bound = _counts(asked), {"n": ceiling + 1}
        rows = database.read(lambda c: [tuple(row) for row in c.execute(statement, bound)], patience=patience)
        new = {str(status): Count(min(int(n), ceiling), int(n) > ceiling) for status, n in rows}
        large = {
            (status, ceiling): (count, now + (KEPT if count.more else PRESENT))
            for status, count in new.items()
            if count.more or count.number >= LARGE
        }
        with _guard:
            kept.update(large)
        found |= new
    return {status: found[status] for status in STATUSES}


def total(found: dict[str, Count]) -> Count:
    """Returns the sum of counts by status."""
    return Count(sum(count.number for count in found.values()), any(count.more for count in found.values()))


def longest_waiting(database: Database) -> Waiting | None:
    """Returns the queued job that has been ready for the longest time, or None when none is queued."""

    def work(connection: Connection) -> Waiting | None:
        row = connection.execute(_WAITING).mappings().first()
        if row is None:
            return None
        found = plain(row)
        return Waiting(int(found["id"]), found["available_at"], database.now(connection))

    return database.read(work)


@lru_cache(maxsize=64)
def _counts(statuses: tuple[str, ...]) -> TextClause:
    # the statuses are our own words
    parts = [
        f"SELECT '{status}' AS status, COUNT(*) AS n FROM"
        f" (SELECT 1 AS one FROM jobrunner_job WHERE status = '{status}' LIMIT :n) AS s{number}"
        for number, status in enumerate(statuses)
    ]
    return text(" UNION ALL ".join(parts))


_WAITING = text(
    "SELECT id, available_at FROM jobrunner_job WHERE status = 'queued' ORDER BY available_at, id LIMIT 1"
)
