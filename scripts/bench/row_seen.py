"""How long after it was said a line is visible to a reader: its share of 200 ms."""

from __future__ import annotations

import time
from collections.abc import Iterator

from measure import Result, Target
from places import Place, Store
from plan import Plan

LIMIT = 0.2
EVERY = 0.05


def measure(plan: Plan) -> Iterator[Result]:
    """Yields the worst and the 95th percentile per database."""
    for place in plan.on("sqlite", "mariadb"):
        with place.store() as store:
            delays = sorted(_delays(plan, store))
        for name, delay in (("the slowest", delays[-1]), ("95 of 100", delays[int(len(delays) * 0.95)])):
            yield _result(place, f"a line until a reader sees it: {name} of {len(delays)}", delay)


def _result(place: Place, what: str, delay: float) -> Result:
    return Result(what, f"{LIMIT * 1000:g} ms", place.title, [delay / LIMIT], Target(1, at_least=False))


def _delays(plan: Plan, store: Store) -> Iterator[float]:
    runner = store.runner(launcher="detached")
    reader = store.connect()
    cursor = reader.cursor()
    ticks = 40 * plan.rounds
    job_id = runner.start("bench.tick", {"ticks": ticks, "every": EVERY}).job_id
    cursor_seq, seen, deadline = 0, 0, time.monotonic() + ticks * EVERY * 2 + 30
    while seen < ticks and time.monotonic() < deadline:
        cursor.execute(
            "SELECT seq, message FROM jobrunner_job_log WHERE stream = 'log'"
            f" AND job_id = {job_id} AND seq > {cursor_seq} ORDER BY seq"
        )
        now = time.time()
        for seq, message in cursor.fetchall():
            cursor_seq, seen = seq, seen + 1
            yield now - float(message)
        if store.kind != "sqlite":
            reader.commit()
        time.sleep(0.004)
    if seen < ticks:
        raise TimeoutError(f"{seen} of {ticks} lines were seen")
    runner.wait(job_id, 30)
    reader.close()
    runner.database.close()
