"""The claim with 1,000,000 finished and 100,000 queued jobs against the same with 1,000 and 1,000."""

from __future__ import annotations

from collections.abc import Iterator

from filling import fill, settle
from measure import Result, Side, Target, cost
from places import Place, Store
from plan import Plan

from jobrunner import identifiers
from jobrunner.runner import JobRunner
from jobrunner.store import bundling
from jobrunner.store.picking import Appetite, Picking
from jobrunner.worker.desk import identity

SMALL, CLAIMS, AT_ONCE = 1_000, 40, 4
CHUNK = 2_000


def measure(plan: Plan) -> Iterator[Result]:
    """Yields one result per database."""
    for place in plan.on("sqlite", "mariadb"):
        with place.store() as large, place.store() as small:
            runners = [
                _filled(place, large, plan.jobs, plan.jobs // 10),
                _filled(place, small, SMALL, SMALL),
            ]
            settle(large)
            ratios = cost(plan.rounds, *(_claimer(runner) for runner in runners))
            for runner in runners:
                runner.database.close()
        what = f"claim with {plan.jobs:,} finished and {plan.jobs // 10:,} queued jobs"
        yield Result(what, f"with {SMALL:,} and {SMALL:,}", place.title, ratios, Target(1.3, at_least=False))


def _filled(place: Place, store: Store, finished: int, queued: int) -> JobRunner:
    runner = store.runner(launcher="pool")
    fill(store, runner, finished, 2)
    for start in range(0, queued, CHUNK):
        runner.start_many(
            [
                ("bench.small", {"number": n, "name": "a name"})
                for n in range(start, min(queued, start + CHUNK))
            ]
        )
    return runner


def _claimer(runner: JobRunner) -> Side:
    worker = identity("pool", "none")
    appetite = Appetite(("bench.small",), (), 30)

    def claim() -> None:
        for _ in range(CLAIMS // AT_ONCE):
            claimed = bundling.store(runner.database, [], Picking(worker, appetite, AT_ONCE, 30))
            assert len(claimed) == AT_ONCE, identifiers.uuid7()

    return claim
