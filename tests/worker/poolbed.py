"""Real pool workers, and what they did."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from typing import Any

from jobrunner import JobRunner
from tests.commandline import CommandLine
from tests.worker.workbed import Work, children_of

HANDLERS = "tests.handlers.basic,tests.handlers.pooled"


class Pools(Work):
    """Starts pools as a user does, jobs for them, and reads the ledger."""

    def __init__(
        self, runner: JobRunner, sql: Callable[[str], list[tuple[Any, ...]]], poll: Callable[..., Any], cli: CommandLine
    ) -> None:  # fmt: skip
        super().__init__(runner, sql, poll)
        self._cli = cli

    def open(self, *args: object, **environment: str) -> subprocess.Popen[str]:
        """Starts a pool worker."""
        return self._cli.spawn("work", *args, env={"JOBRUNNER_HANDLERS": HANDLERS, **environment})

    def drain(self, *args: object, **environment: str) -> str:
        """Runs a pool until nothing is due; returns what it said on standard error."""
        done = self._cli(
            "work", "--once", *args, env={"JOBRUNNER_HANDLERS": HANDLERS, **environment}, check=0
        )
        return done.stderr

    def counts(self) -> dict[str, int]:
        """Returns how many jobs stand in each status."""
        rows = self._sql("SELECT status, COUNT(*) FROM jobrunner_job GROUP BY status")
        return {str(status): int(count) for status, count in rows}

    def triggers(self, job_id: int) -> list[str]:
        """Returns how the job moved."""
        return [move.trigger for move in self.runner.history(job_id).transitions]

    def nursery(self, pool: subprocess.Popen[str]) -> int:
        """Returns the pid of a pool's nursery."""
        return int(self._poll(lambda: children_of(pool.pid))[0])

    def child(self, job_id: int) -> int:
        """Waits until the handler has said its pid, and returns it."""
        said = self._poll(lambda: [line for line in self.lines(job_id) if line.startswith("pid ")])
        return int(said[-1].removeprefix("pid "))

    def ended_as(self, pool: subprocess.Popen[str], timeout: float = 30) -> int:
        """Waits for the end of a pool and returns its exit code."""
        return pool.wait(timeout)

    def terminate(self, pool: subprocess.Popen[str]) -> None:
        """Asks a pool to end in order."""
        pool.send_signal(signal.SIGTERM)

    def is_sound(self) -> bool:
        """True when the whole ledger verifies."""
        self._cli("audit", "verify", check=0)
        return True
