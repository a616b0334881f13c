"""``start`` of a detached job until its handler's first line is committed, against ``import sqlmodel``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from measure import Result, Target, cost, program
from places import Place, Store
from plan import Plan

PATIENCE = 30.0


def measure(plan: Plan) -> Iterator[Result]:
    """Yields one result per database."""
    for place in plan.on("sqlite", "mariadb"):
        with place.store() as store:
            yield _on(plan, place, store)


def _on(plan: Plan, place: Place, store: Store) -> Result:
    runner = store.runner(launcher="detached")
    reader = store.connect()

    def ours() -> float:
        began = time.perf_counter()
        started = runner.start("bench.first")
        wait_for_line(store, reader, started.job_id)
        taken = time.perf_counter() - began
        # its worker must not work while the floor is measured
        runner.wait(started.job_id, PATIENCE)
        time.sleep(0.3)  # the worker's own end
        return taken

    ratios = cost(plan.rounds * 2, ours, lambda: program("-c", "import sqlmodel"))
    reader.close()
    runner.database.close()
    return Result(
        "`start` to the handler's first line committed, detached", '`python -c "import sqlmodel"`', place.title,
        ratios, Target(1.1, at_least=False),
    )  # fmt: skip


def wait_for_line(store: Store, reader: Any, job_id: int) -> None:
    """Returns as soon as another connection sees a line of the job; raises after half a minute."""
    cursor = reader.cursor()
    deadline = time.monotonic() + PATIENCE
    while True:
        cursor.execute(f"SELECT COUNT(*) FROM jobrunner_job_log WHERE job_id = {store.mark}", (job_id,))
        seen = cursor.fetchone()[0]
        if store.kind != "sqlite":
            reader.commit()
        if seen:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"job {job_id} has said nothing for {PATIENCE:g} s")
        time.sleep(0.002)  # polls
