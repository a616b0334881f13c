"""``audit verify`` against fetching the same rows by the raw driver and hashing them."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from filling import finished_job
from measure import Result, Target, speed
from places import Place, Store
from plan import Plan

from jobrunner import auditor
from jobrunner.store import evidence

JOBS, LINES = 200, 500
READ = {
    "job ORDER BY id": evidence.JOB_FIELDS,
    "job_transition ORDER BY job_id, seq": ("job_id", "seq", *evidence.MOVE_FIELDS),
    "job_log ORDER BY job_id, seq": ("job_id", "seq", *evidence.LINE_FIELDS),
}


def measure(plan: Plan) -> Iterator[Result]:
    """Yields one result per database."""
    for place in plan.on("sqlite", "mariadb"):
        with place.store() as store:
            yield _on(plan, place, store)


def _on(plan: Plan, place: Place, store: Store) -> Result:
    runner = store.runner()
    for _ in range(JOBS):
        finished_job(runner, LINES)
    raw = store.connect()
    cursor = raw.cursor()

    def ours() -> None:
        if found := list(auditor.verify(runner.database)):
            raise RuntimeError(f"the ledger does not verify: {found[0]}")

    def floor() -> None:
        digest = sha256()
        for table, columns in READ.items():
            cursor.execute(f"SELECT {', '.join(columns)} FROM jobrunner_{table}")
            while rows := cursor.fetchmany(2000):
                for row in rows:
                    digest.update(repr(row).encode())
        raw.commit()

    ratios = speed(plan.rounds, ours, floor)
    raw.close()
    runner.database.close()
    return Result(
        f"`audit verify` of {JOBS} jobs with {LINES} lines each", "raw driver: fetching and hashing the rows", place.title,
        ratios, Target(0.4),
    )  # fmt: skip
