"""Reads of a store with a million jobs and ten million lines against the same reads of a small one."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator

from filling import fill
from measure import Result, Target, cost
from places import Place
from plan import Plan

from jobrunner.runner import JobRunner

SMALL = 1000
CALLS = 20
READS: dict[str, Callable[[JobRunner, int], object]] = {
    "`status`": lambda runner, job: runner.status(job),
    "`history`": lambda runner, job: runner.history(job),
    "last page of `logs`": lambda runner, job: runner.logs(job, tail=200),
    "first page of `list`": lambda runner, job: runner.jobs(),
}


def measure(plan: Plan) -> Iterator[Result]:
    """Yields one result per read and database."""
    need = plan.lines * 600 + plan.jobs * 4000
    if shutil.disk_usage(plan.scratch).free < need:
        raise SystemExit(
            f"{need / 1e9:.0f} GB must be free under {plan.scratch}; give --scratch, --jobs or --lines"
        )
    for place in plan.on("sqlite", "mariadb"):
        with place.store() as small, place.store() as large:
            little, much = small.runner(), large.runner()
            newest = fill(small, little, SMALL, SMALL)
            began = time.monotonic()
            last = fill(large, much, plan.jobs, plan.lines)
            print(
                f"{place.title} was filled in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True
            )
            for name, read in READS.items():
                yield _compared(plan, place, name, read, (much, last), (little, newest))
            little.database.close()
            much.database.close()


def _compared(
    plan: Plan, place: Place, name: str, read: Callable[[JobRunner, int], object], much: tuple[JobRunner, int],
    little: tuple[JobRunner, int],
) -> Result:  # fmt: skip
    def calls(runner: JobRunner, job: int) -> None:
        for _ in range(CALLS):
            read(runner, job)

    ratios = cost(plan.rounds, lambda: calls(*much), lambda: calls(*little))
    size = f"{plan.jobs:,} jobs, {plan.lines:,} lines"
    return Result(
        f"{name} with {size}",
        f"{SMALL:,} jobs, {SMALL:,} lines",
        place.title,
        ratios,
        Target(1.5, at_least=False),
    )
