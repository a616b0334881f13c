"""The log as a part of the job page: what its template is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobrunner.runner import JobRunner
from jobrunner.store.views import LEVELS, STREAMS
from jobrunner.web.log import windows

# what the page shows before, or without, its script
ROWS = 100


@dataclass(frozen=True)
class LogPart:
    """Where a job's log stands, and its newest rows as they are shown."""

    job_id: int
    status: str
    is_terminal: bool
    attempt: int
    first_seq: int
    last_seq: int
    final_seq: int | None
    started_at: str | None
    warnings: int
    errors: int
    rows: list[dict[str, Any]]
    levels: tuple[str, ...] = LEVELS
    streams: tuple[str, ...] = STREAMS
    block: int = windows.BLOCK

    @property
    def earlier(self) -> bool:
        """True when there are rows before the ones that are shown."""
        return bool(self.rows) and self.rows[0]["seq"] > self.first_seq


def part(runner: JobRunner, job_id: int) -> LogPart:
    """Returns what ``log.html`` shows of a job; one read of its row and one of its last rows. Raises JobNotFound."""
    row, rows = windows.tail(runner.database, job_id, ROWS)
    top = windows.head(row)
    return LogPart(
        job_id=job_id,
        **top,
        started_at=row["started_at"] or row["created_at"],
        warnings=row["warning_count"],
        errors=row["error_count"],
        rows=rows,
    )
