"""What the path constraint by ``prev_seq`` costs at start and at claim: the same statements without it are the floor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from measure import Result, Target, rounds
from places import Place, Store
from plan import Plan
from recording import Statement, births, recorded

from jobrunner import identifiers
from jobrunner.store import claims, ddl
from jobrunner.store.workers import WorkerIdentity

BATCH, FINER = 25, 16
TABLE = "jobrunner_job_transition"
FOLLOWS, END, NO_FORK, BIRTH = (
    f"jobrunner_transition_{name}" for name in ("follows", "end", "no_fork", "birth")
)
TRIGGER = "jobrunner_transition_path_holds"


def measure(plan: Plan) -> Iterator[Result]:
    """Yields the share that start and claim take longer, per database."""
    for place in plan.on("sqlite", "mariadb", "postgres"):
        with place.store() as guarded, place.store() as free:
            starts, claiming = _statements(guarded)
            _without_path(free)
            sides = [_Side(store, starts, claiming) for store in (guarded, free)]
            for what, calls in (
                ("start", [side.start for side in sides]),
                ("claim", [side.claim for side in sides]),
            ):
                yield _compared(plan, place, what, *calls)
            for side in sides:
                side.connection.close()


def _compared(
    plan: Plan, place: Place, what: str, guarded: Callable[[], None], free: Callable[[], None]
) -> Result:
    # what is looked for is smaller than the noise of one round's commits
    pairs = rounds(plan.rounds * FINER, guarded, free)
    groups = [pairs[start :: plan.rounds] for start in range(plan.rounds)]
    shares = [
        100 * (median(own for own, _ in group) / median(bare for _, bare in group) - 1) for group in groups
    ]
    return Result(
        f"path constraint: what it adds to a {what}", "raw driver: the same statements without it", place.title, shares,
        Target(None), unit=" %",
    )  # fmt: skip


def _statements(store: Store) -> tuple[tuple[Statement, Statement], list[Statement]]:
    """Returns the statements of a start and those of a claim, less the worker's own registration."""
    runner = store.runner(launcher="pool")
    with recorded(runner.database) as starts:
        job_id = runner.start("bench.small", {"number": 1, "name": "a name"}).job_id
    assert job_id is not None
    worker = WorkerIdentity(identifiers.uuid7(), "bench", "here", None, None, 1, 1, "none", "0")
    with recorded(runner.database) as claiming:
        claims.claim(runner.database, job_id, worker, token=None, launch_grace=0, lease=30)
    runner.database.close()
    return births(starts), [
        statement for statement in claiming if statement.table.startswith("jobrunner_job")
    ]


def _without_path(store: Store) -> None:
    connection = store.connect()
    cursor = connection.cursor()
    if store.kind == "sqlite":
        cursor.execute(f"SELECT sql FROM sqlite_master WHERE type = 'table' AND name = '{TABLE}'")
        made: str = cursor.fetchone()[0]
        for name in (FOLLOWS, END, NO_FORK, BIRTH):
            made = re.sub(rf",\s*CONSTRAINT {name} [^\n]*?(?=,?\n)", "", made)
        cursor.execute(f"DROP TABLE {TABLE}")
        cursor.execute(made)
        for name, trigger in ddl.TRIGGERS.items():
            if name != TRIGGER:
                cursor.execute(trigger)
    else:
        for name in (FOLLOWS, END, NO_FORK, BIRTH):
            what = {FOLLOWS: "FOREIGN KEY", BIRTH: "CONSTRAINT"}.get(name, "INDEX")
            cursor.execute(
                f"ALTER TABLE {TABLE} DROP {what if store.kind == 'mariadb' else 'CONSTRAINT'} {name}"
            )
    connection.commit()
    connection.close()


class _Side:
    """One of two stores, and the statements replayed on it."""

    def __init__(self, store: Store, starts: tuple[Statement, Statement], claiming: list[Statement]) -> None:
        self.connection: Any = store.connect()
        self._store, self._starts, self._claiming = store, starts, claiming
        self._cursor = self.connection.cursor()
        self._waiting: list[int] = []

    def start(self) -> None:
        """Starts jobs, each in a transaction of its own."""
        job, transition = self._starts
        for _ in range(BATCH):
            self._store.begin(self._cursor)
            self._cursor.execute(job.text, job.bound(uuid=identifiers.uuid7()))
            job_id = self._cursor.fetchone()[0] if self._store.kind == "postgres" else self._cursor.lastrowid
            self._cursor.execute(transition.text, transition.bound(op_id=identifiers.uuid7(), job_id=job_id))
            self.connection.commit()
            self._waiting.append(job_id)

    def claim(self) -> None:
        """Claims jobs that were started, each in a transaction of its own."""
        for _ in range(BATCH):
            job_id = self._waiting.pop()
            self._store.begin(self._cursor)
            for statement in self._claiming:
                self._cursor.execute(
                    statement.text, statement.bound(op_id=identifiers.uuid7(), job_id=job_id, _id=job_id)
                )
            self.connection.commit()
