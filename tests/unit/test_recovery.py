"""What becomes of a lost job, for every combination of what its row says."""

from __future__ import annotations

from itertools import product

import pytest

from jobrunner import clock
from jobrunner.operations.recovery import Evidence, judge
from jobrunner.states import IN_HAND, Status, Trigger, edge

NOON = "2026-11-21T12:00:00.000000Z"
DEAD = Evidence("w-1", "The worker on h pid 7 was lost.", {"worker": "w-1", "how": "Its process is gone."})
ALL = list(product(Status, (None, "cancel", "stop", "kill"), (False, True), ((1, 1), (1, 3), (3, 3))))


def row(status, mode=None, idempotent=False, budget=(1, 1), worker="w-1") -> dict:
    return {
        "status": status.value, "cancel_mode": mode, "idempotent": int(idempotent), "budget_used": budget[0],
        "max_attempts": budget[1], "worker_id": worker, "clock": NOON,
    }  # fmt: skip


def expected(status, mode, idempotent, budget) -> Trigger | None:
    """Returns the trigger, by the words of the contract."""
    if status not in IN_HAND:
        return None
    if status is Status.CANCEL_REQUESTED:
        return Trigger.CONFIRM_CANCEL if mode in (None, "cancel") else Trigger.CONFIRM_STOP
    if not idempotent:
        return Trigger.PARK_LOST
    return Trigger.REQUEUE_LOST if budget[0] < budget[1] else Trigger.FAIL_LOST


@pytest.mark.parametrize(("status", "mode", "idempotent", "budget"), ALL)
def test_each_lost_job_goes_where_the_contract_says(status, mode, idempotent, budget):
    moves = judge(row(status, mode, idempotent, budget), DEAD, "reaper:h:9", 5)
    wanted = expected(status, mode, idempotent, budget)
    assert [move.trigger for move in moves] == ([] if wanted is None else [wanted])
    for move in moves:
        known = edge(status, move.trigger)
        assert known is not None and "reaper" in known.actors
        assert move.new_fence, "a take-away without a new fence lets the old worker write"
        assert dict(move.context or {}) == dict(DEAD.facts)
        assert "worker_lost" in (move.reason or "") and move.attempt["reason_code"] == "worker_lost"


@pytest.mark.parametrize("status", sorted(IN_HAND))
def test_a_job_that_another_worker_holds_by_now_stays(status):
    assert judge(row(status, "stop", True, (1, 3), worker="w-2"), DEAD, "reaper:h:9", 5) == []


def test_what_is_parked_or_failed_keeps_the_evidence_and_what_runs_again_does_not():
    for idempotent, budget in ((False, (1, 1)), (True, (3, 3))):
        (move,) = judge(row(Status.RUNNING, None, idempotent, budget), DEAD, "reaper:h:9", 5)
        assert move.changes["error_reason_code"] == "worker_lost"
        assert move.changes["error_message"].startswith(DEAD.told)
    (again,) = judge(row(Status.RUNNING, None, True, (1, 3)), DEAD, "reaper:h:9", 5)
    assert set(again.changes) == {"available_at"}
    assert clock.between(NOON, again.changes["available_at"]) == 5


def test_the_reason_says_when_the_budget_is_gone():
    (spent,) = judge(row(Status.RUNNING, None, True, (3, 3)), DEAD, "reaper:h:9", 5)
    (single,) = judge(row(Status.RUNNING, None, True, (1, 1)), DEAD, "reaper:h:9", 5)
    assert (spent.reason or "").startswith("attempts_exhausted; worker_lost")
    assert (single.reason or "").startswith("worker_lost")
