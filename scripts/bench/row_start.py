"""``start`` of a pool job, one at a time, against the same two inserts and commit through the raw driver."""

from __future__ import annotations

from collections.abc import Iterator

from measure import Result, Target, speed
from places import Place, Store
from plan import Plan
from recording import births, fresh_rows, recorded

BATCH = 200


def measure(plan: Plan) -> Iterator[Result]:
    """Yields one result per database."""
    for place in plan.on("sqlite", "mariadb"):
        with place.store() as store:
            yield _on(plan, place, store)


def _on(plan: Plan, place: Place, store: Store) -> Result:
    runner = store.runner(launcher="pool")
    with recorded(runner.database) as seen:
        runner.start("bench.small", {"number": 1, "name": "a name"})
    job, transition = births(seen)
    raw = store.connect()
    cursor = raw.cursor()
    waiting = [fresh_rows(job, transition, BATCH) for _ in range(plan.rounds + 1)]
    at = transition.names.index("job_id")

    def ours() -> None:
        for number in range(BATCH):
            runner.start("bench.small", {"number": number, "name": "a name"})

    def floor() -> None:
        for born, moved in waiting.pop():
            store.begin(cursor)
            cursor.execute(job.text, born)
            cursor.execute(transition.text, (*moved[:at], cursor.lastrowid, *moved[at + 1 :]))
            raw.commit()

    ratios = speed(plan.rounds, ours, floor)
    raw.close()
    runner.database.close()
    return Result(
        '`start(launcher="pool")`, one at a time', "raw driver: the same inserts and commit", place.title, ratios,
        Target(0.5),
    )  # fmt: skip
