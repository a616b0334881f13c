"""A job with any log, written at once: its rows are raw, its job row counts them rightly."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

from jobrunner import JobRunner, clock

START = "2026-01-01T00:00:00.000000Z"
_INSERT = text(
    "INSERT INTO jobrunner_job_log (job_id, seq, attempt, at, level, stream, step_key, logger, message, context)"
    " VALUES (:job_id, :seq, :attempt, :at, :level, :stream, :step_key, :logger, :message, :context)"
)
_COUNT = text(
    "UPDATE jobrunner_job SET last_seq = :last, error_count = :errors, warning_count = :warnings WHERE id = :id"
)


def line(message: str, **parts: Any) -> dict[str, Any]:
    """Returns a line of the first attempt, plain unless said otherwise."""
    usual = {
        "attempt": 1,
        "level": "info",
        "stream": "log",
        "step_key": None,
        "logger": None,
        "context": None,
    }
    return usual | parts | {"message": message}


def write_log(runner: JobRunner, lines: list[dict[str, Any]]) -> int:
    """Makes a job whose birth is seq 1 and whose lines follow, a second apart; returns its id."""
    job_id = runner.start("t.noop").job_id
    levels = [one["level"] for one in lines]

    def work(connection: Connection) -> None:
        rows = [
            {"job_id": job_id, "seq": seq, "at": clock.db_text(clock.shift(START, seq))} | one
            for seq, one in enumerate(lines, 2)
        ]
        connection.execute(_INSERT, rows)
        counts = {"errors": levels.count("error"), "warnings": levels.count("warning")}
        connection.execute(_COUNT, {"id": job_id, "last": len(lines) + 1} | counts)

    runner.database.write(work)
    return job_id
