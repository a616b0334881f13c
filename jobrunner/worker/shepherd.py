"""Claims a job for a child that is there already, and sees both through to the end."""

from __future__ import annotations

from typing import Any

from jobrunner import clock, launcher, scopes
from jobrunner.errors import DatabaseUnavailable, JobRunnerError
from jobrunner.operations.relaunch import Spawn, relaunch
from jobrunner.settings import Settings
from jobrunner.states import Status
from jobrunner.store import claims
from jobrunner.store.claims import ChildProcess, Claimed, NotDue
from jobrunner.store.database import Database
from jobrunner.store.workers import WorkerIdentity
from jobrunner.worker.desk import Desk, identity
from jobrunner.worker.healing import Healing
from jobrunner.worker.minder import Minder
from jobrunner.worker.nursery import Child
from jobrunner.worker.waking import INSISTED, Waker

GOOD_ENDS = ("succeeded", "cancelled")
LONGEST_SLEEP = 60.0
_FIRST_CONTACT = 0.2


def mind(order: dict[str, Any], child: Child) -> int:
    """Minds ``child`` through the job of ``order``; returns the exit code of the worker.

    When the job has ended, a detached worker launches its next attempt, if there is to be one, and
    what else waits for a process here. A worker that cannot store the end leaves at the third signal; the job is then
    recovered like that of any other worker that has died.
    """
    settings = Settings.from_order(order["settings"])
    waker = Waker()
    database = Database(settings.database_url)
    worker = identity(order["kind"], _scope(order), settings.labels)
    # Whatever keeps the claim from happening ends this process, and the kernel then ends the child.
    claimed = _claim(database, order, worker, settings, waker, child)
    if claimed is None:
        return 1
    desk = Desk(database, settings, claimed, worker, waker.wake)
    desk.writer.start()
    minder = Minder(child, desk, settings, waker)
    spawn = spawning(order, settings)
    healing = Healing(database, settings, spawn, lambda name: name in minder.types)
    if order["kind"] == "detached":
        healing.start()
    outcome = minder.mind(waker)
    status = None
    if outcome is not None:
        status = desk.conclude(outcome, leaves=lambda: waker.ending >= INSISTED)
    if desk.writer.superseded:
        desk.keep_refused(outcome)
    if status == Status.SCHEDULED and claimed.launcher == "detached":
        _try_again(database, claimed, spawn, worker.actor)
    if order["kind"] == "detached" and not waker.ending:
        healing.finish()
    return 0 if status in GOOD_ENDS else 1


def _scope(order: dict[str, Any]) -> str:
    if order["kind"] != "detached":
        return scopes.NONE
    return scopes.detachment(order["scope"], order.get("cgroup"), scopes.own_group())


def spawning(order: dict[str, Any], settings: Settings) -> Spawn:
    """Returns what starts a worker process as this one was started: its environment, path, directory and modules."""

    def spawn(job_id: int, type: str, token: str, due_in: float) -> None:
        launcher.spawn(
            {**order, "job_id": job_id, "token": token, "due_in": due_in, "kind": "detached"}, settings
        )

    return spawn


def _try_again(database: Database, claimed: Claimed, spawn: Spawn, actor: str) -> None:
    try:
        relaunch(database, claimed.job_id, claimed.type, spawn, actor)
    except JobRunnerError:
        return  # the next sweep launches it


def _claim(
    database: Database,
    order: dict[str, Any],
    worker: WorkerIdentity,
    settings: Settings,
    waker: Waker,
    child: Child,
) -> Claimed | None:
    # whoever launched this had just reached the database, and would not come back to do it again
    patient_until = clock.monotonic() + (settings.launch_grace if order["kind"] == "detached" else 0.0)
    while not waker.ending:
        try:
            answer = claims.claim(
                database, order["job_id"], worker, token=order["token"], launch_grace=settings.launch_grace,
                lease=settings.lease, child=ChildProcess(child.pid, child.started),
            )  # fmt: skip
        except DatabaseUnavailable:
            if database.reached or clock.monotonic() >= patient_until:
                raise
            clock.sleep(_FIRST_CONTACT)
            continue
        if not isinstance(answer, NotDue):
            return answer
        if order["kind"] == "run":
            return None  # whoever waits for it asked for a job that is due
        clock.sleep(min(answer.seconds, LONGEST_SLEEP))
    return None
