"""Memory of a running detached job, worker and child together, against an interpreter that imported sqlmodel.

Memory is PSS: pages that processes share are divided among them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from measure import Result, Target, environment
from places import Place, Store
from plan import Plan
from row_first import wait_for_line

IDLE = "import sqlmodel, sys; print('there', flush=True); sys.stdin.read()"


def measure(plan: Plan) -> Iterator[Result]:
    """Yields one result per database."""
    for place in plan.on("sqlite", "mariadb"):
        with place.store() as store:
            ratios = [_job(store) / _floor() for _ in range(plan.rounds)]
            yield _result(place, ratios)


def _result(place: Place, ratios: list[float]) -> Result:
    return Result(
        "memory (PSS) of a running detached job, worker and child", "an interpreter that imported sqlmodel", place.title,
        ratios, Target(1.4, at_least=False),
    )  # fmt: skip


def _job(store: Store) -> int:
    runner = store.runner(launcher="detached")
    reader = store.connect()
    job_id = runner.start("bench.sleep", {"seconds": 600}).job_id
    wait_for_line(store, reader, job_id)
    time.sleep(1.2)  # past its first poll for a cancel
    status = runner.status(job_id, limit=0)
    assert status.job is not None
    assert status.job.worker is not None
    pid = status.job.worker.pid or 0
    used = sum(map(_pss, (pid, *_children(pid))))
    runner.kill(job_id)
    runner.wait(job_id, 30)
    reader.close()
    runner.database.close()
    time.sleep(0.3)  # until its processes are gone
    return used


def _floor() -> int:
    with subprocess.Popen(
        [sys.executable, "-c", IDLE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        time.sleep(0.3)  # until it has settled
        used = _pss(process.pid)
        process.stdin.close()
    return used


def _pss(pid: int) -> int:
    """Returns the bytes that a process uses, shared pages counted by share."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no memory")


def _children(pid: int) -> list[int]:
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [grandchild for child in found for grandchild in _children(child)]
