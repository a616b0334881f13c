"""How an attempt ends, for every combination of what the row says and what happened."""

from __future__ import annotations

from itertools import product

import pytest

from jobrunner import clock
from jobrunner.states import Status, Trigger, edge
from jobrunner.worker.death import Error, Exit
from jobrunner.worker.verdict import Cause, Outcome, Said, decide

NOON = "2026-11-21T12:00:00.000000Z"
MODES = (None, "cancel", "stop", "kill")
CAUSES = (None, *Cause)
BOOM = Error("ValueError", "handler_error", "boom", "Traceback: boom")
DEATH = Error("ProcessKilled", "killed_by_signal_11", "The process was killed.")


def row(
    mode: str | None = None, *, idempotent: bool = False, budget_used: int = 1, max_attempts: int = 1
) -> dict:
    status = Status.CANCEL_REQUESTED if mode else Status.RUNNING
    return {
        "status": status.value, "cancel_mode": mode, "idempotent": int(idempotent), "budget_used": budget_used,
        "max_attempts": max_attempts, "backoff_base": 10.0, "backoff_factor": 3.0, "backoff_cap": 50.0,
        "backoff_jitter": 0.5, "clock": NOON,
    }  # fmt: skip


def outcome(said: Said, cause: Cause | None = None) -> Outcome:
    error = {Said.RAISED: BOOM, Said.NOTHING: None if cause else DEATH}.get(said)
    result = '{"a":1}' if said is Said.RETURNED else None
    return Outcome(said, result, error, cause, f"{cause} came" if cause else "", Exit(0, None, 0.5, 1000))


def expected(mode: str | None, said: Said, cause: Cause | None, idempotent: bool, left: int = 0) -> Trigger:
    """Returns the trigger, by the words of the contract, one sentence after the other."""
    if mode in ("stop", "kill"):
        return Trigger.CONFIRM_STOP
    ran_out = cause in (Cause.TIMEOUT, Cause.STALLED)
    if mode == "cancel":
        if said is Said.NOT_CALLED:
            return Trigger.CONFIRM_CANCEL
        if ran_out:
            return Trigger.CONFIRM_STOP
        if cause is Cause.INTERRUPTED:
            return Trigger.CONFIRM_CANCEL
        return Trigger.FAIL if said in (Said.RAISED, Said.NOTHING) else Trigger.CONFIRM_CANCEL
    if cause is Cause.INTERRUPTED:
        return Trigger.INTERRUPT if idempotent else Trigger.PARK_INTERRUPTED
    if said is Said.RETURNED and not ran_out:
        return Trigger.SUCCEED
    return Trigger.RETRY_LATER if idempotent and left else Trigger.FAIL


ALL = list(product(MODES, Said, CAUSES, (False, True)))


@pytest.mark.parametrize(("mode", "said", "cause", "idempotent"), ALL)
def test_each_combination_ends_as_the_contract_says(mode, said, cause, idempotent):
    (move,) = decide(row(mode, idempotent=idempotent), outcome(said, cause), "worker:h:1", 7)
    assert move.trigger is expected(mode, said, cause, idempotent)
    assert edge(row(mode)["status"], move.trigger) is not None
    assert move.attempt["line_count"] == 7
    assert (move.attempt["exit_code"], move.attempt["cpu_seconds"]) == (0, 0.5)


@pytest.mark.parametrize(("left", "max_attempts"), [(0, 1), (0, 3), (1, 3), (2, 3)])
@pytest.mark.parametrize(("mode", "said", "cause", "idempotent"), ALL)
def test_a_failure_is_tried_again_while_the_budget_of_an_idempotent_job_lasts(
    mode, said, cause, idempotent, left, max_attempts
):
    one = row(mode, idempotent=idempotent, budget_used=max_attempts - left, max_attempts=max_attempts)
    (move,) = decide(one, outcome(said, cause), "worker:h:1", chance=0.5)
    assert move.trigger is expected(mode, said, cause, idempotent, left)
    assert edge(one["status"], move.trigger) is not None
    if move.trigger is Trigger.RETRY_LATER:
        assert set(move.changes) == {"available_at"} and move.changes["available_at"] > NOON
        assert move.attempt["reason_code"] and move.attempt["reason_code"] in (move.reason or "")
    spent = idempotent and max_attempts > 1 and move.trigger is Trigger.FAIL and mode is None
    assert (move.reason or "").startswith("attempts_exhausted; ") is spent


@pytest.mark.parametrize(
    ("failures", "chance", "seconds"),
    [(1, 0, 10), (1, 1, 5), (2, 0, 30), (2, 0.5, 22.5), (3, 0, 50), (9, 0, 50), (9, 1, 25)],
)
def test_the_wait_grows_is_capped_and_jittered_by_the_rows_own_numbers(failures, chance, seconds):
    one = row(idempotent=True, budget_used=failures, max_attempts=10)
    (move,) = decide(one, outcome(Said.RAISED), "worker:h:1", chance=chance)
    assert clock.between(NOON, move.changes["available_at"]) == seconds
    assert move.context == {"wait_seconds": seconds}


@pytest.mark.parametrize(("mode", "said", "cause", "idempotent"), ALL)
def test_a_result_is_kept_by_success_alone(mode, said, cause, idempotent):
    (move,) = decide(row(mode, idempotent=idempotent), outcome(said, cause), "worker:h:1")
    assert ("result" in move.changes) == (move.trigger is Trigger.SUCCEED)


@pytest.mark.parametrize(("mode", "said", "cause", "idempotent"), ALL)
def test_every_failure_has_a_reason_code_and_no_clean_end_has_one(mode, said, cause, idempotent):
    (move,) = decide(row(mode, idempotent=idempotent), outcome(said, cause), "worker:h:1")
    if move.trigger is Trigger.FAIL:
        assert move.changes["error_reason_code"]
        assert move.changes["error_reason_code"] in (move.reason or "")
    if move.trigger in (Trigger.SUCCEED, Trigger.CONFIRM_CANCEL, Trigger.INTERRUPT, Trigger.PARK_INTERRUPTED):
        assert not any(name.startswith("error_") for name in move.changes)


@pytest.mark.parametrize(
    ("idempotent", "left", "trigger"),
    [
        (False, 0, Trigger.PARK_INTERRUPTED), (True, 1, Trigger.RETRY_LATER), (True, 0, Trigger.FAIL),
    ],
)  # fmt: skip
def test_a_process_that_was_lost_without_a_word_passes_the_gate_of_a_lost_worker(idempotent, left, trigger):
    lost = Outcome(Said.NOTHING, error=Error("NurseryLost", "worker_lost", "The nursery has died."))
    (move,) = decide(row(idempotent=idempotent, budget_used=2 - left, max_attempts=2), lost, "worker:h:1")
    assert move.trigger is trigger and "worker_lost" in (move.reason or "")
    assert move.attempt["reason_code"] == "worker_lost"
    if trigger is Trigger.PARK_INTERRUPTED:
        assert move.changes["error_reason_code"] == "worker_lost"
        assert "not known" in move.changes["error_message"]


@pytest.mark.parametrize(
    ("mode", "trigger"),
    [(None, Trigger.FAIL), ("cancel", Trigger.CONFIRM_CANCEL), ("stop", Trigger.CONFIRM_STOP), ("kill", Trigger.CONFIRM_STOP)],
)  # fmt: skip
def test_a_result_that_cannot_be_kept_does_not_decide_after_a_request(mode, trigger):
    returned = Outcome(Said.RETURNED, error=Error("ResultTooLarge", "result_too_large", "It is too large."))
    (move,) = decide(row(mode), returned, "worker:h:1")
    assert move.trigger is trigger
    assert move.changes.get("error_reason_code") == (None if mode == "cancel" else "result_too_large")


@pytest.mark.parametrize("mode", ["stop", "kill"])
def test_what_the_handler_raised_under_force_is_kept(mode):
    (move,) = decide(row(mode), outcome(Said.RAISED), "worker:h:1")
    assert move.trigger is Trigger.CONFIRM_STOP
    assert move.changes["error_message"] == "boom"
    assert move.attempt["reason_code"] == "handler_error"


@pytest.mark.parametrize(("cause", "code"), [(Cause.TIMEOUT, "timeout"), (Cause.STALLED, "stalled")])
def test_a_time_that_ran_out_names_the_error_and_keeps_the_traceback(cause, code):
    (move,) = decide(row(), outcome(Said.RAISED, cause), "worker:h:1")
    assert move.changes["error_reason_code"] == code
    assert move.changes["error_traceback"] == "Traceback: boom"


def test_an_interrupted_attempt_does_not_count():
    (move,) = decide(
        row(idempotent=True, budget_used=2, max_attempts=3), outcome(Said.NOTHING, Cause.INTERRUPTED), "w:"
    )
    assert move.changes["budget_used"] == 1


def test_the_reason_says_when_the_budget_is_gone():
    (move,) = decide(row(idempotent=True, budget_used=3, max_attempts=3), outcome(Said.RAISED), "w:")
    assert (move.reason or "").startswith("attempts_exhausted")
    assert move.changes["error_reason_code"] == "handler_error"


def test_a_memory_error_is_out_of_memory():
    raised = Outcome(Said.RAISED, error=Error("MemoryError", "handler_error", ""))
    assert decide(row(), raised, "w:")[0].changes["error_reason_code"] == "out_of_memory"


def test_a_cancel_that_nobody_asked_for_is_a_failure():
    (move,) = decide(row(), outcome(Said.CANCELLED), "w:")
    assert (move.trigger, move.changes["error_class"]) == (Trigger.FAIL, "JobCancelled")


def test_what_is_stored_of_an_error_fits():
    huge = Outcome(Said.RAISED, error=Error("É" * 300, "x" * 100, "\0é\ud800" * 40_000, "trace\0"))
    changes = decide(row(), huge, "w:")[0].changes
    assert len(changes["error_class"].encode()) <= 255
    assert len(changes["error_reason_code"]) <= 64
    assert len(changes["error_message"].encode()) <= 60_000
    assert "\0" not in changes["error_message"] + changes["error_traceback"]
