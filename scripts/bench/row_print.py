"""One job that prints a million lines, run by a worker, against the same rows appended by the raw driver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from measure import Result, Target, speed
from places import Place, Store
from plan import Plan

BATCH = 500
TARGETS = {"sqlite": 0.4, "mariadb": 0.5}
COLUMNS = "job_id, seq, attempt, at, level, stream, step_key, logger, message, context"


def measure(plan: Plan) -> Iterator[Result]:
    """Yields one result per database."""
    for place in plan.on("sqlite", "mariadb"):
        with place.store() as store:
            yield _on(plan, place, store)


def _on(plan: Plan, place: Place, store: Store) -> Result:
    count = plan.lines // 10
    runner = store.runner(launcher="pool")
    raw = store.connect()
    cursor = raw.cursor()
    insert = f"INSERT INTO jobrunner_job_log ({COLUMNS}) VALUES ({', '.join([store.mark] * 10)})"
    rows: list[tuple[Any, ...]] = []

    def ours() -> None:
        job_id = runner.start("bench.print", {"lines": count}).job_id
        if runner.run(job_id):
            raise RuntimeError(f"job {job_id} did not succeed")
        if not rows:
            rows.extend(_printed(cursor, job_id))
            raw.commit()

    def floor() -> None:
        job_id = runner.start("bench.small", {"number": 0, "name": ""}).job_id
        for start in range(0, len(rows), BATCH):
            store.begin(cursor)
            cursor.executemany(insert, [(job_id, *row[1:]) for row in rows[start : start + BATCH]])
            raw.commit()

    ratios = speed(plan.rounds, ours, floor)
    raw.close()
    runner.database.close()
    return Result(
        f"one job printing {count:,} lines", "raw driver: the same rows in batches of 500", place.title, ratios,
        Target(TARGETS[place.kind]),
    )  # fmt: skip


def _printed(cursor: Any, job_id: int) -> Iterator[tuple[Any, ...]]:
    """Yields the rows of a job as they were given to the driver: moments as text."""
    cursor.execute(f"SELECT {COLUMNS} FROM jobrunner_job_log WHERE job_id = {job_id}")
    for row in cursor.fetchall():
        yield tuple(value if isinstance(value, int | str | None) else str(value) for value in row)
