"""Lives of jobs, acted out in one process by the product's own starter, worker, reaper and operator.

No handler and no child: what a child would say is handed to the worker's intake, and noted by the witness.
So a life takes milliseconds, and a fault can be put at each of its database calls in turn.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from jobrunner import clock, identifiers
from jobrunner.errors import StoreError
from jobrunner.operations.sweep import Sweeper
from jobrunner.settings import Settings
from jobrunner.states import Status
from jobrunner.store import claims, leases, logs, pruning, refusals, tokens, workers
from jobrunner.store.claims import ChildProcess, Claimed
from jobrunner.store.workers import WorkerIdentity
from jobrunner.worker.clerk import Clerk
from jobrunner.worker.desk import Desk, identity
from jobrunner.worker.verdict import Outcome, Said
from tests.faults.history import History
from tests.faults.laboratory import Laboratory
from tests.faults.oddities import ODD, line
from tests.faults.witness import note

T = TypeVar("T")
LINES = 3
TRIES = 20
DONE = Outcome(Said.RETURNED, result='{"done":true}')
LIVES = ("finish", "cancel", "lost", "pool")


class Play:
    """One job's life under a ``key``; every verb is told to the history. Dead workers are played by a dead process."""

    def __init__(self, lab: Laboratory, key: str, ghost: tuple[int, int]) -> None:
        self.key, self._lab, self._runner = key, lab, lab.runner
        self.worker_process = ghost
        self._database = lab.runner.database
        self._history: History = lab.history
        self._settings: Settings = replace(
            lab.runner.settings, flush_interval=0.001, poll_cancel=0.02, lost_backoff=0.0, launch_grace=0.0
        )
        self._actors = itertools.count()

    def finish(self) -> None:
        """Starts, claims, says lines, makes a step, ends."""
        self.attempt(self.start(), DONE)

    def cancel(self) -> None:
        """Starts, claims, says lines, is asked to cancel and does."""
        self.attempt(self.start(), Outcome(Said.CANCELLED), asked="cancel")

    def lost(self) -> None:
        """Starts, claims, says lines, and is lost; a reaper takes the job."""
        job = self.start()
        claimed, _ = self.claim(job)
        if claimed is not None:
            tail = logs.Tail(claimed)
            made = [
                logs.Line(clock.now(), "info", "stdout", None, None, self.say(claimed, n), None)
                for n in (1, 2)
            ]
            self.insist(lambda: logs.append(self._database, tail, made, {"progress_percent": 50.0}))
            self._history.tell("lines", lambda: None, job=job, attempt=claimed.attempt, upto=2)
        self.settle()

    def pool(self) -> None:
        """Starts; a pool's clerk claims, stores and ends."""
        job, woken = self.start(), time.monotonic()
        clerk = Clerk(self._database, self._settings, 1, (), lambda: None)
        self.insist(clerk.start)
        clerk.offer(1, ["f.again", "f.once"])
        while not (posts := clerk.collect()[0]):
            assert time.monotonic() < woken + 30
            time.sleep(0.001)
        (post,) = posts
        assert post.claimed.job_id == job
        self._history.tell("claim", lambda: None, lambda _: post.claimed.fence, job=job)
        self.begin(post.claimed)
        for number in range(1, LINES + 1):
            post.intake.output("stdout", (self.say(post.claimed, number) + "\n").encode())
        clerk.conclude(post, DONE, None)
        assert post.over.wait(30), "the clerk has to store the end"
        assert clerk.close(30) and clerk.crashed is None, clerk.crashed

    def keep_house(self) -> None:
        """Everything else that writes: leases, launches, evidence, pruning, many jobs at once."""
        database, key = self._database, self.key
        items = [("f.again", self.params(), {"launcher": "pool", "hold": True}) for _ in range(2)]
        for result in self.insist(lambda: self._runner.start_many(items)):
            assert result.job_id is not None
            self.insist(partial(claims.new_launch, database, result.job_id, identifiers.secret_hash("x")))
        self.insist(lambda: leases.acquire(database, f"test-{key}"[:60], key[:36], 5))
        self.insist(lambda: leases.release(database, f"test-{key}"[:60], key[:36]))
        worker = self.worker()
        self.insist(lambda: workers.join(database, worker, 5))
        self.insist(lambda: workers.beat(database, worker.id, 5))
        self.insist(lambda: workers.drain(database, worker.id, "operator:play", None))
        self.insist(lambda: workers.retire(database, worker.id))
        job = self.start("f.again", f"{key}-house")
        self.attempt(job, DONE)
        late = Claimed(job, "", "f.again", 1, 0, "{}", None, None, True, 1, 1, "", 0, 0.0)
        self.insist(lambda: refusals.keep(database, late, worker.id, [("line", "{}")]))
        far = "9999-01-01T00:00:00.000000Z"
        self.insist(lambda: pruning.shorten(database, job, ("succeeded",), far, 2))
        self.insist(lambda: pruning.remove(database, [job], ("succeeded",), far, "operator:house", None))
        self.insist(lambda: workers.forget(database, "2001-01-01T00:00:00.000000Z", 10))
        name = f"{key}-{next(self._actors)}-{os.getpid()}"[-60:]
        row = {"id": identifiers.uuid7(), "name": name, "token_hash": identifiers.secret_hash(name)}
        row |= {"scope": "read", "created_by": "house"}
        self.insist(lambda: tokens.insert(database, row, 5))
        self.insist(lambda: tokens.touch(database, row["id"]))
        self.insist(lambda: tokens.revoke(database, name))
        other = self.start("f.again", f"{key}-gone", hold=True)
        self.insist(lambda: self._runner.delete(other, actor="house"))

    def settle(self) -> str:
        """Heals: whatever is lost is taken, whatever waits is run; returns where the job is left."""
        job = self.start()
        for _ in range(TRIES):
            status = self._lab.status(job)
            if Status(status).is_settled:
                return status
            if status in ("queued", "scheduled"):
                self.attempt(job, DONE)
            else:
                sweeper = Sweeper(self._database, self._settings)
                self.insist(lambda: sweeper.recover(by_lease=False))  # noqa: B023
        raise AssertionError(f"job {job} does not come to an end: it is {status}")

    def start(self, type: str = "f.again", key: str | None = None, **options: Any) -> int:
        """Starts the job, or finds it by its key; returns its id."""
        key, params = key or self.key, self.params()
        return (
            self.insist(
                lambda: self._history.tell(
                    "start",
                    lambda: self._runner.start(type, params, idempotency_key=key, launcher="pool", **options),
                    lambda result: result.job_id,
                    key=key,
                    params=params,
                )
            ).job_id
            or 0
        )

    def params(self) -> dict[str, Any]:
        """Returns the parameters of the job, as they are stored."""
        return {"witness": "", "lines": LINES, "seconds": 0.0, "odd": ODD[len(self.key) % len(ODD)]}

    def attempt(self, job: int, outcome: Outcome, *, asked: str | None = None) -> None:
        """Claims a job if it can be had, and brings the attempt to its end."""
        claimed, worker = self.claim(job)
        if claimed is None:
            return
        desk = Desk(self._database, self._settings, claimed, worker, lambda: None)
        desk.writer.start()
        desk.intake.frame({"kind": "step", "event": "step_started", "key": "work", "label": "Work"})
        for number in range(1, LINES + 1):
            desk.intake.output("stdout", (self.say(claimed, number) + "\n").encode())
        deadline = time.monotonic() + 30
        while len(desk.spool) and not desk.writer.over.is_set():
            assert time.monotonic() < deadline
            time.sleep(0.001)
        self._history.tell("lines", lambda: None, job=job, attempt=claimed.attempt, upto=LINES)
        if asked is not None:
            self.ask(asked, job)
        desk.conclude(outcome)
        assert desk.writer.crashed is None, desk.writer.crashed

    def ask(self, verb: str, job: int) -> None:
        """Has an operator of a new name ask for something."""
        actor = f"{self.key}-{os.getpid()}-{next(self._actors)}"
        self.insist(
            lambda: self._history.tell(
                verb, lambda: getattr(self._runner, verb)(job, actor=actor),
                lambda done: done.outcome, job=job, actor=f"operator:{actor}",
            )
        )  # fmt: skip

    def claim(self, job: int) -> tuple[Claimed | None, WorkerIdentity]:
        """Claims a job as a worker that is dead to others; returns None when it cannot be had."""
        worker = self.worker()
        try:
            claimed = self._history.tell(
                "claim",
                lambda: claims.claim(
                    self._database,
                    job,
                    worker,
                    token=None,
                    launch_grace=0.0,
                    lease=5,
                    child=ChildProcess(*self.worker_process),
                ),
                lambda got: got.fence if isinstance(got, Claimed) else None,
                job=job,
            )
        except StoreError:
            return None, worker  # its process would end now
        if not isinstance(claimed, Claimed):
            return None, worker
        self.begin(claimed)
        return claimed, worker

    def begin(self, claimed: Claimed) -> None:
        """Notes outside of the database that the handler has begun."""
        note(self._lab.witness, claimed.job_id, claimed.attempt, claimed.fence, "start")

    def say(self, claimed: Claimed, number: int) -> str:
        """Notes that the handler says a line, and returns it."""
        note(self._lab.witness, claimed.job_id, claimed.attempt, claimed.fence, "step", number)
        return line(number)

    def worker(self) -> WorkerIdentity:
        """Returns a worker of this host whose process is gone."""
        return replace(
            identity("run", "none"), pid=self.worker_process[0], process_started=self.worker_process[1]
        )

    def insist(self, call: Callable[[], T]) -> T:
        """Does what a caller does who is told that the database failed: asks again."""
        for _ in range(TRIES):
            try:
                return call()
            except StoreError as error:
                last = error
        raise AssertionError(f"still: {last}") from last


def everything(play: Play) -> None:
    """Plays every life, under keys of their own."""
    key = play.key
    for name in LIVES:
        play.key = f"{key}-{name}"
        getattr(play, name)()
    play.key = key
    play.keep_house()
