"""Very many jobs and 8 pools on one MariaDB: no deadlock and no lock time-out may reach a user."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from measure import Result, Target, environment
from places import Place
from plan import Plan

from jobrunner.errors import StoreError
from jobrunner.runner import JobRunner

POOLS, CAPACITY, CHUNK = 8, 2, 500
PATIENCE = 4 * 3600.0


def measure(plan: Plan) -> Iterator[Result]:
    """Yields how many errors a user saw, whose target is none."""
    for place in plan.on("mariadb"):
        errors, seconds = _crowded(plan, place)
        print(f"    {plan.crowd / seconds:.0f} jobs/s", file=sys.stderr)
        yield Result(
            f"errors of the database that reached a user: {plan.crowd:,} jobs, {POOLS} pools", "none", place.title,
            [errors], Target(0, at_least=False),
        )  # fmt: skip


def _crowded(plan: Plan, place: Place) -> tuple[int, float]:
    with place.store() as store:
        env = environment() | {"JOBRUNNER_DATABASE_URL": store.url, "JOBRUNNER_HANDLERS": "bench_jobs"}
        env["PYTHONPATH"] = os.pathsep.join((os.path.dirname(__file__), env["PYTHONPATH"]))
        told = (plan.scratch / "crowd.log").open("w+b")
        command = [sys.executable, "-m", "jobrunner", "work", "--capacity", str(CAPACITY)]
        pools = [
            subprocess.Popen(command, env=env, start_new_session=True, stderr=told) for _ in range(POOLS)
        ]
        runner = store.runner(launcher="pool")
        try:
            began = time.perf_counter()
            errors = _used(runner, plan.crowd)
            deadline = time.monotonic() + PATIENCE
            while (counts := runner.stats()["jobs"]) and set(counts) - {"succeeded", "cancelled"}:
                if time.monotonic() > deadline:
                    break
                time.sleep(1)  # seldom: looking must not be what is measured
            taken = time.perf_counter() - began
            errors += sum(
                count for status, count in counts.items() if status not in ("succeeded", "cancelled")
            )
            for pool in pools:
                errors += pool.poll() is not None
                os.killpg(pool.pid, signal.SIGTERM)
            for pool in pools:
                errors += pool.wait(60) != 0
        finally:
            for pool in pools:
                if pool.poll() is None:
                    os.killpg(pool.pid, signal.SIGKILL)
        told.seek(0)
        errors += sum(b"rror" in line for line in told)
        runner.database.close()
        return errors, taken


def _used(runner: JobRunner, count: int) -> int:
    """Starts so many jobs, asks for some and cancels some while the pools work; returns how many errors came of it."""
    errors = 0
    for start in range(0, count, CHUNK):
        try:
            made = runner.start_many(
                [("bench.small", {"number": n, "name": "a name"}) for n in range(start, start + CHUNK)]
            )
            runner.cancel(made[-1].job_id)
            runner.retry(made[-1].job_id, force=True)
            runner.status(made[0].job_id)
        except StoreError as error:
            errors += 1
            print(f"    {error}", file=sys.stderr)
    return errors
