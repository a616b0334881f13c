"""Whatever people ask for, in any order, every job ends up where the table of the machine says, and its ledger tells how.

Two jobs share a lock key. There is no worker: claims and ends are made by the store's own functions.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobrunner import JobRunner, identifiers
from jobrunner.auditor import verify
from jobrunner.models import ActionResult
from jobrunner.states import IN_HAND, Mode, Status, Trigger, edge
from jobrunner.store import claims, journal
from jobrunner.store.journal import Move
from tests.store.driving import WORKER

REQUESTS = st.sampled_from(list(Mode))
WHICH = st.integers(0, 1)
ENDS = st.sampled_from(
    (Trigger.SUCCEED, Trigger.FAIL, Trigger.PARK_INTERRUPTED, Trigger.INTERRUPT, Trigger.CONFIRM_STOP)
)


class Expected:
    """One job as the contract sees it."""

    def __init__(self, job: int, status: Status, *, idempotent: bool, due: bool) -> None:
        self.job, self.status, self.idempotent, self.due = job, status, idempotent, due
        self.mode: Mode | None = None

    def go(self, trigger: str) -> None:
        """Takes an edge of the table."""
        known = edge(self.status, trigger)
        assert known is not None
        self.status = known.to_status


class Verbs(RuleBasedStateMachine):
    """A person at the keyboard."""

    runner: JobRunner

    @initialize(idempotent=st.booleans(), hold=st.booleans(), late=st.booleans())
    def begin(self, idempotent: bool, hold: bool, late: bool) -> None:
        self.type = "t.flaky" if idempotent else "t.noop"
        self.idempotent, self.key = idempotent, identifiers.uuid7()
        self.jobs: list[Expected] = []
        self.start(hold, late)

    @precondition(lambda self: len(self.jobs) < 2)
    @rule(hold=st.booleans(), late=st.booleans())
    def start_another(self, hold: bool, late: bool) -> None:
        self.start(hold, late)

    def start(self, hold: bool, late: bool) -> None:
        """Starts a job, which the lock key may forbid."""
        delay = 3600 if late and not hold else None
        holder = next((job for job in self.jobs if job.status.is_active), None)
        answer = self.runner.start(self.type, {}, lock_key=self.key, hold=hold, delay=delay)
        if holder is not None:
            assert (answer.outcome, answer.job_id) == ("already_active", holder.job)
            return
        trigger = Trigger.CREATE_HELD if hold else Trigger.CREATE_SCHEDULED if delay else Trigger.CREATE
        assert answer.job_id is not None
        born = Expected(answer.job_id, Status.NEW, idempotent=self.idempotent, due=delay is None)
        born.go(trigger)
        assert answer.status == born.status
        self.jobs.append(born)

    def one(self, which: int) -> Expected | None:
        """Returns one of the jobs there are."""
        return self.jobs[which % len(self.jobs)] if self.jobs else None

    def told(
        self, job: Expected, answer: ActionResult, trigger: str | None, refused: tuple[str, str] | None
    ) -> None:
        """Holds an answer against the table, and moves the job that was expected."""
        assert answer.job_id == job.job and answer.previous_status == job.status
        if refused is None and trigger is not None and edge(job.status, trigger) is not None:
            job.go(trigger)
            asked = job.status is Status.CANCEL_REQUESTED
            assert answer.outcome == ("requested" if asked else "done")
        elif refused is not None:
            assert (answer.outcome, answer.reason_code) == refused
        elif job.status.is_terminal:
            assert (answer.outcome, answer.reason_code) == ("already_terminal", "already_terminal")
        else:
            assert (answer.outcome, answer.reason_code) == ("refused", f"is_{job.status}")
        assert answer.status == job.status

    @rule(which=WHICH, mode=REQUESTS)
    def ask_it_to_end(self, which: int, mode: Mode) -> None:
        if (job := self.one(which)) is None:
            return
        answer = getattr(self.runner, mode.value)(job.job)
        weaker = job.mode is not None and mode.strength <= job.mode.strength
        repeated = job.status is Status.CANCEL_REQUESTED and weaker
        self.told(job, answer, mode.value, ("already_requested", "already_requested") if repeated else None)
        if job.status is Status.CANCEL_REQUESTED and not repeated:
            job.mode = mode

    @rule(which=WHICH)
    def hold(self, which: int) -> None:
        if (job := self.one(which)) is not None:
            self.told(job, self.runner.hold(job.job), "hold", None)

    @rule(which=WHICH)
    def release(self, which: int) -> None:
        if (job := self.one(which)) is not None:
            self.told(job, self.runner.release(job.job), "release" if job.due else "release_scheduled", None)

    @rule(which=WHICH, force=st.booleans())
    def retry(self, which: int, force: bool) -> None:
        if (job := self.one(which)) is None:
            return
        answer = self.runner.retry(job.job, force=force)
        refused = None
        if edge(job.status, "retry") is not None:
            other = any(one is not job and one.status.is_active for one in self.jobs)
            if not job.idempotent and not force:
                refused = ("refused", "not_idempotent")
            elif other:
                refused = ("refused", "lock_held")
            else:
                job.due, job.mode = True, None
        self.told(job, answer, "retry", refused)

    @rule(which=WHICH, as_=st.sampled_from(("succeeded", "failed")))
    def resolve(self, which: int, as_: str) -> None:
        if (job := self.one(which)) is not None:
            self.told(job, self.runner.resolve(job.job, as_), f"resolve_{as_}", None)

    @rule(which=WHICH)
    def abandon(self, which: int) -> None:
        if (job := self.one(which)) is not None:
            self.told(job, self.runner.abandon(job.job), "abandon", None)

    @rule(which=WHICH)
    def delete(self, which: int) -> None:
        if (job := self.one(which)) is None:
            return
        answer = self.runner.delete(job.job)
        if job.status.is_terminal or job.status is Status.HELD:
            assert (answer.outcome, answer.previous_status) == ("done", job.status)
            assert self.runner.status(job.job).found is False
            self.jobs.remove(job)
        else:
            assert (answer.outcome, answer.reason_code) == ("refused", f"is_{job.status}")

    @precondition(lambda self: any(job.status in ("queued", "scheduled") for job in self.jobs))
    @rule(which=WHICH)
    def claim(self, which: int) -> None:
        if (job := self.one(which)) is None:
            return
        answer = claims.claim(self.runner.database, job.job, WORKER, token=None, launch_grace=0, lease=30)
        if isinstance(answer, claims.Claimed):
            assert job.due
            if job.status is Status.SCHEDULED:
                job.go("admit")
            job.go("claim")
        else:
            assert not job.due or job.status is not Status.QUEUED

    @precondition(lambda self: any(job.status in IN_HAND for job in self.jobs))
    @rule(which=WHICH, trigger=ENDS)
    def end(self, which: int, trigger: Trigger) -> None:
        if (job := self.one(which)) is None or edge(job.status, trigger) is None:
            return
        ends = [Move(trigger, "worker:h:1", attempt={"reason_code": "ended"})]
        journal.move(self.runner.database, job.job, partial(_as_told, ends))
        job.go(trigger)
        if trigger is Trigger.INTERRUPT:
            job.mode = None

    @invariant()
    def everything_is_where_it_should_be(self) -> None:
        for job in getattr(self, "jobs", ()):
            seen = self.runner.status(job.job)
            assert seen.job is not None and seen.job.status == job.status
            assert list(verify(self.runner.database, job.job)) == []


def _as_told(moves: list[Move], _row: dict[str, Any]) -> list[Move]:
    return moves


def test_the_verbs_do_what_the_table_says_in_any_order(runner: JobRunner, kind: str) -> None:
    machine = type("Verbs", (Verbs,), {"runner": runner})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40 if kind == "sqlite" else 15, stateful_step_count=30, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
