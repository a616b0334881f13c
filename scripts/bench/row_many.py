"""``start_many`` of 10,000 jobs against ``executemany`` of the same rows through the raw driver."""

from __future__ import annotations

from collections.abc import Iterator

from measure import Result, Target, speed
from places import Place, Store
from plan import Plan
from recording import births, fresh_rows, recorded

COUNT = 10_000


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
    items = [("bench.small", {"number": number, "name": "a name"}) for number in range(COUNT)]
    at = transition.names.index("job_id")
    waiting = [fresh_rows(job, transition, COUNT) for _ in range(plan.rounds + 1)]

    def ours() -> None:
        runner.start_many(items)

    def floor() -> None:
        rows = waiting.pop()
        store.begin(cursor)
        cursor.execute("SELECT MAX(id) FROM jobrunner_job")
        base = cursor.fetchone()[0]
        cursor.executemany(job.text, [born for born, _ in rows])
        # what this connection alone inserts into an otherwise idle table has consecutive ids from here
        cursor.execute(f"SELECT MIN(id) FROM jobrunner_job WHERE id > {base}")
        base = cursor.fetchone()[0]
        moves = [(*m[:at], base + number, *m[at + 1 :]) for number, (_, m) in enumerate(rows)]
        cursor.executemany(transition.text, moves)
        raw.commit()

    ratios = speed(plan.rounds, ours, floor)
    raw.close()
    runner.database.close()
    return Result("`start_many` of 10,000", "raw driver: `executemany`", place.title, ratios, Target(0.4))
