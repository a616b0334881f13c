"""What `GET /api/jobs/{id}` costs against the library's own `status()`: call by call in turn, medians."""

from __future__ import annotations

from collections.abc import Iterator

from filling import finished_job
from measure import Result, Target, medians
from places import Place
from plan import Plan
from web import served

CALLS = 150
LINES = 10


def measure(plan: Plan) -> Iterator[Result]:
    """Yields one ratio per database: the median request over the median call."""
    for place in plan.on("sqlite", "mariadb", "postgres"):
        yield Result(
            f"`GET /api/jobs/ID`, {LINES} lines, median of {CALLS}", "`status()`", place.title,
            list(_ratios(plan, place)), Target(3, at_least=False),
        )  # fmt: skip


def _ratios(plan: Plan, place: Place) -> Iterator[float]:
    with place.store() as store:
        runner = store.runner()
        job_id = finished_job(runner, LINES)
        with served(store, plan.scratch) as visitor:
            path = f"/api/jobs/{job_id}"
            yield from medians(plan.rounds, CALLS, lambda: visitor.get(path), lambda: runner.status(job_id))
        runner.database.close()
