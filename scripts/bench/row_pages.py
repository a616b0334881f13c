"""Pages of a store with a million jobs and ten million lines against the same pages of a small one, over HTTP."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator

from filling import fill
from measure import Result, Target, cost, medians
from places import Place
from plan import Plan
from web import served

from jobrunner.runner import JobRunner
from jobrunner.store import streaming
from jobrunner.web.live import MOST

SMALL, CALLS = 1000, 15
PAGES = {
    "overview": "/",
    "overview of 7 days": "/?window=7d",
    "list": "/jobs",
    "list of failed and parked jobs": "/jobs?status=failed&status=parked",
    "list from the middle": "/jobs?next={middle}",
    "page of the job with half of the lines": "/jobs/{last}",
    "page of a job in the middle": "/jobs/{middle}",
    "workers": "/workers",
}


def measure(plan: Plan) -> Iterator[Result]:
    """Yields one result per page and database, and one for the look behind the stream of the whole store."""
    need = plan.lines * 600 + plan.jobs * 4000
    if shutil.disk_usage(plan.scratch).free < need:
        raise SystemExit(
            f"{need / 1e9:.0f} GB must be free under {plan.scratch}; give --scratch, --jobs or --lines"
        )
    for place in plan.on("sqlite", "mariadb", "postgres"):
        yield from _on(plan, place)


def _on(plan: Plan, place: Place) -> Iterator[Result]:
    with place.store() as small, place.store() as large:
        little, much = small.runner(), large.runner()
        began = time.monotonic()
        newest = fill(small, little, SMALL, SMALL, varied=True)
        last = fill(large, much, plan.jobs, plan.lines, varied=True)
        print(f"{place.title} was filled in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        with served(small, plan.scratch) as few, served(large, plan.scratch) as many:
            for name, path in PAGES.items():
                at, against = (path.format(last=n, middle=n // 2) for n in (last, newest))
                ratios = medians(
                    plan.rounds,
                    CALLS,
                    lambda at=at: many.get(at, "text/html"),  # type: ignore[misc]  # the values of this turn
                    lambda against=against: few.get(against, "text/html"),  # type: ignore[misc]  # as above
                )
                yield _result(plan, place, name, list(ratios))
        yield _result(
            plan, place, "look behind `/api/events`",
            cost(plan.rounds, lambda: _looks(much), lambda: _looks(little)),
        )  # fmt: skip
        little.database.close()
        much.database.close()


def _looks(runner: JobRunner) -> None:
    for _ in range(CALLS):
        streaming.marks(runner.database, MOST)


def _result(plan: Plan, place: Place, name: str, ratios: list[float]) -> Result:
    size = f"{plan.jobs:,} jobs, {plan.lines:,} lines"
    return Result(
        f"{name} with {size}",
        f"{SMALL:,} jobs, {SMALL:,} lines",
        place.title,
        ratios,
        Target(1.5, at_least=False),
    )
