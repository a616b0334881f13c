"""Real detached jobs, and what became of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobrunner import JobRunner

SETTLED = ("succeeded", "failed", "cancelled", "stopped", "abandoned", "parked")


class Work:
    """Starts jobs of the nasty handlers, and reads the ledger."""

    def __init__(
        self, runner: JobRunner, sql: Callable[[str], list[tuple[Any, ...]]], poll: Callable[..., Any]
    ) -> None:
        self.runner, self._sql, self._poll = runner, sql, poll

    def start(self, type: str, params: dict[str, Any] | None = None, **options: Any) -> int:
        """Starts a job and returns its id."""
        job_id = self.runner.start(type, params, **options).job_id
        assert job_id is not None
        return job_id

    def run(
        self, type: str, params: dict[str, Any] | None = None, timeout: float = 60, **options: Any
    ) -> Any:
        """Starts a job and returns its status once it has ended."""
        return self.ended(self.start(type, params, **options), timeout)

    def ended(self, job_id: int, timeout: float = 60) -> Any:
        """Returns the status of a job once it has ended."""
        self._poll(lambda: self.status(job_id) in SETTLED, timeout)
        return self.runner.status(job_id, limit=0)

    def status(self, job_id: int) -> str:
        """Returns where the job stands."""
        return str(self._sql(f"SELECT status FROM jobrunner_job WHERE id = {job_id}")[0][0])

    def running(self, job_id: int) -> int:
        """Waits until the handler has said something, and returns the worker's pid."""
        self._poll(lambda: self.lines(job_id))
        return int(self._sql(f"SELECT pid FROM jobrunner_job WHERE id = {job_id}")[0][0])

    def lines(self, job_id: int, stream: str | None = None) -> list[str]:
        """Returns the messages of the log, in order."""
        only = f" AND stream = '{stream}'" if stream else ""
        rows = self._sql(f"SELECT message FROM jobrunner_job_log WHERE job_id = {job_id}{only} ORDER BY seq")
        return [str(row[0]) for row in rows]

    def attempt(self, job_id: int) -> dict[str, Any]:
        """Returns the latest attempt's end."""
        names = "outcome, reason_code, exit_code, exit_signal, cpu_seconds, peak_rss, line_count"
        row = self._sql(
            f"SELECT {names} FROM jobrunner_job_attempt WHERE job_id = {job_id} ORDER BY attempt DESC"
        )[0]
        return dict(zip(names.split(", "), row, strict=True))

    def last_reason(self, job_id: int) -> str:
        """Returns the reason of the latest transition."""
        rows = self._sql(
            f"SELECT reason FROM jobrunner_job_transition WHERE job_id = {job_id} ORDER BY seq DESC"
        )
        return str(rows[0][0])


def children_of(pid: int) -> list[int]:
    """Returns the pids of a process's children."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and parent_of(int(entry)) == pid]


def parent_of(pid: int) -> int | None:
    """Returns the pid of a process's parent."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def is_gone(pid: int) -> bool:
    """True when no process of this pid runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True
