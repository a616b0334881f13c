"""``start`` until the handler's first line is committed, in an idle pool, against a fork of the same image plus a commit."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from measure import Result, Target, environment
from places import Place, Store
from plan import Plan
from row_first import wait_for_line

STARTS, SETTLED = 100, 0.2
# what the nursery has when it forks: the child's modules, and the handlers
IMAGE = """
import gc, os, sys, time
from jobrunner.child import main, nursery
import bench_jobs
gc.collect(); gc.freeze()
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    print(flush=True)
"""


def measure(plan: Plan) -> Iterator[Result]:
    """Yields one result per database."""
    for place in plan.on("sqlite", "mariadb", "postgres"):
        with place.store() as store:
            yield _on(plan, place, store)


def _on(plan: Plan, place: Place, store: Store) -> Result:
    runner = store.runner(launcher="pool")
    reader = store.connect()
    env = environment() | {"JOBRUNNER_DATABASE_URL": store.url, "JOBRUNNER_HANDLERS": "bench_jobs"}
    env["PYTHONPATH"] = os.pathsep.join((os.path.dirname(__file__), env["PYTHONPATH"]))
    pool = subprocess.Popen([sys.executable, "-m", "jobrunner", "work"], env=env, start_new_session=True)
    image = subprocess.Popen(
        [sys.executable, "-c", IMAGE], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        # the pool has started when it has run a job
        runner.wait(runner.start("bench.first").job_id, 60)
        ratios = []
        for _ in range(max(3, plan.rounds // 2)):
            own, floor = [], []
            for _ in range(STARTS):
                own.append(_ours(store, runner, reader))
                floor.append(_floor(store, reader, image))
            ratios.append(_p95(own) / _p95(floor))
            print(
                f"    {place.title}: {_p95(own) * 1e3:.1f} ms, fork {_p95(floor) * 1e3:.1f} ms",
                file=sys.stderr,
            )
    finally:
        os.killpg(pool.pid, signal.SIGKILL)
        pool.wait()
        image.kill()
        image.wait()
        reader.close()
        runner.database.close()
    return Result(
        "`start` to the first line committed in an idle pool, p95", "fork and exit of the same image, and one commit",
        place.title, ratios, Target(3, at_least=False),
    )  # fmt: skip


def _ours(store: Store, runner: Any, reader: Any) -> float:
    began = time.perf_counter()
    started = runner.start("bench.first")
    wait_for_line(store, reader, started.job_id)
    taken = time.perf_counter() - began
    runner.wait(started.job_id, 30)
    time.sleep(SETTLED)  # until it is idle
    return taken


def _floor(store: Store, connection: Any, image: subprocess.Popen[str]) -> float:
    assert image.stdin is not None
    assert image.stdout is not None
    cursor = connection.cursor()
    began = time.perf_counter()
    image.stdin.write("\n")
    image.stdin.flush()
    image.stdout.readline()
    store.begin(cursor)
    cursor.execute("UPDATE jobrunner_lease SET beats = beats + 0 WHERE name = 'bench'")
    cursor.execute(
        "UPDATE jobrunner_job SET title = uuid WHERE id = (SELECT * FROM (SELECT MAX(id) FROM jobrunner_job) m)"
    )
    connection.commit()
    return time.perf_counter() - began


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]
