"""How an attempt ends: the one place where what happened to the child meets what the job row says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from jobrunner import clock
from jobrunner.durations import Backoff
from jobrunner.states import Mode, Status, Trigger
from jobrunner.store.journal import Move
from jobrunner.worker.death import Error, Exit
from jobrunner.worker.lines import clean, cut

MESSAGE_BYTES = 60_000
TRACEBACK_BYTES = 1024 * 1024
WORKER_LOST = "worker_lost"
_REASON_BYTES = 500
_OUT_OF_MEMORY = frozenset({"MemoryError", "builtins.MemoryError"})


class Said(StrEnum):
    """What the child said before it ended, or that it said nothing."""

    RETURNED = "returned"
    RAISED = "raised"
    CANCELLED = "cancelled"
    NOT_CALLED = "not_called"
    NOTHING = "nothing"


class Cause(StrEnum):
    """Why the worker itself ended the child, other than for a request on the job row."""

    TIMEOUT = "timeout"
    STALLED = "stalled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Outcome:
    """What happened to the child of one attempt.

    ``error`` is what the handler raised, why what it returned cannot be kept, or why the process died when it was
    not the worker that ended it.
    ``cause`` is set when the worker began to end the child before it had said anything, and
    ``cause_text`` tells it to people.
    """

    said: Said
    result: str | None = None
    error: Error | None = None
    cause: Cause | None = None
    cause_text: str = ""
    exit: Exit | None = None


def decide(
    row: Mapping[str, Any], outcome: Outcome, actor: str, line_count: int = 0, *, chance: float = 0.0
) -> list[Move]:
    """Returns the one move that ends the attempt, given the locked job row and how many lines are stored.

    ``chance``, 0 to 1, is for the jitter of the wait before another attempt.

    A request on the row wins over whatever the handler did. Under stop and kill every end is ``stopped``,
    with the error kept. Under cancel a clean end is ``cancelled``, an error ``failed``, and a child
    that had to be ended by force, for its time ran out, ``stopped``. Without a request the worker's own
    cause decides, then what the child said. A job that is not idempotent and whose process was lost without a word is
    parked for a person, as it is when its worker was lost. A failed attempt of an idempotent job is followed by another one
    as long as its budget lasts; the error then stands on the attempt alone.
    """
    outcome = replace(outcome, error=_kept_error(outcome))
    if row["status"] == Status.CANCEL_REQUESTED:
        move = _requested(row, outcome, actor)
    elif outcome.cause is Cause.INTERRUPTED:
        move = _interrupted(row, outcome, actor)
    elif outcome.said is Said.RETURNED and outcome.error is None:
        move = Move(Trigger.SUCCEED, actor, changes={"result": outcome.result})
    elif row["idempotent"] and row["budget_used"] < row["max_attempts"]:
        move = _retried(row, outcome, actor, chance)
    elif not row["idempotent"] and _is_lost(outcome):
        move = _parked(outcome, actor)
    else:
        move = _failed(row, outcome, actor)
    error = _columns(_failure(outcome)) if move.trigger is Trigger.RETRY_LATER else move.changes
    return [replace(move, attempt=_attempt(outcome, error) | {"line_count": line_count})]


def _retried(row: Mapping[str, Any], outcome: Outcome, actor: str, chance: float) -> Move:
    backoff = Backoff(row["backoff_base"], row["backoff_factor"], row["backoff_cap"], row["backoff_jitter"])
    wait = backoff.wait(row["budget_used"], chance)
    error = _failure(outcome)
    told = (
        f"attempt {row['budget_used']} of {row['max_attempts']} failed; {error.reason_code}: {error.message}"
    )
    return Move(
        Trigger.RETRY_LATER, actor, cut(clean(told), _REASON_BYTES)[0], {"wait_seconds": round(wait, 3)},
        changes={"available_at": clock.shift(row["clock"], wait)},
    )  # fmt: skip


def _requested(row: Mapping[str, Any], outcome: Outcome, actor: str) -> Move:
    mode = Mode(row["cancel_mode"] or Mode.CANCEL)
    ran_out = outcome.cause in (Cause.TIMEOUT, Cause.STALLED)
    if mode is not Mode.CANCEL or (ran_out and outcome.said is not Said.NOT_CALLED):
        return Move(
            Trigger.CONFIRM_STOP, actor, _requested_reason(mode, outcome), changes=_columns(outcome.error)
        )
    clean_end = outcome.said in (Said.RETURNED, Said.CANCELLED, Said.NOT_CALLED)
    if clean_end or outcome.cause is Cause.INTERRUPTED:
        return Move(Trigger.CONFIRM_CANCEL, actor, _requested_reason(mode, outcome))
    return _failed(row, outcome, actor)


def _requested_reason(mode: Mode, outcome: Outcome) -> str:
    if outcome.said is Said.NOT_CALLED:
        return f"asked to {mode} before the handler was called"
    how = {
        Said.RETURNED: "the handler returned",
        Said.CANCELLED: "the handler ended as asked",
        Said.RAISED: "the handler raised",
    }.get(outcome.said, "the process was ended")
    cause = outcome.cause_text[:1].lower() + outcome.cause_text[1:]
    return "; ".join(part for part in (f"asked to {mode}", cause, how) if part)


def _interrupted(row: Mapping[str, Any], outcome: Outcome, actor: str) -> Move:
    if row["idempotent"]:
        budget = {"budget_used": max(0, row["budget_used"] - 1)}
        return Move(Trigger.INTERRUPT, actor, outcome.cause_text or "interrupted", changes=budget)
    return Move(Trigger.PARK_INTERRUPTED, actor, outcome.cause_text or "interrupted")


def _is_lost(outcome: Outcome) -> bool:
    lost = outcome.error is not None and outcome.error.reason_code == WORKER_LOST
    return lost and outcome.said is Said.NOTHING and outcome.cause is None


def _parked(outcome: Outcome, actor: str) -> Move:
    error = _failure(outcome)
    told = f"{error.message} Whether the attempt had finished its work is not known."
    reason = cut(clean(f"{error.reason_code}: {error.message}"), _REASON_BYTES)[0]
    return Move(Trigger.PARK_INTERRUPTED, actor, reason, changes=_columns(replace(error, message=told)))


def _failed(row: Mapping[str, Any], outcome: Outcome, actor: str) -> Move:
    error = _failure(outcome)
    told = f"{error.reason_code}: {error.message}"
    # one that runs and may run twice comes here only when its budget is spent
    spent = row["idempotent"] and row["max_attempts"] > 1 and row["status"] == Status.RUNNING
    reason = f"attempts_exhausted; {told}" if spent else told
    return Move(Trigger.FAIL, actor, cut(clean(reason), _REASON_BYTES)[0], changes=_columns(error))


def _failure(outcome: Outcome) -> Error:
    if outcome.error is not None:
        return outcome.error
    if outcome.said is Said.CANCELLED:
        return Error(
            "JobCancelled", "handler_error", "The handler ended as cancelled, but nobody had asked for it."
        )
    return Error("ProcessLost", WORKER_LOST, "The process of the handler was ended without a request.")


def _kept_error(outcome: Outcome) -> Error | None:
    """Returns the error that the job keeps: the worker's own cause names it, the handler's traceback stays."""
    error = outcome.error
    if outcome.cause in (Cause.TIMEOUT, Cause.STALLED):
        trace = None if error is None else error.traceback
        kind = "JobTimeout" if outcome.cause is Cause.TIMEOUT else "JobStalled"
        return Error(kind, outcome.cause.value, f"{outcome.cause_text}.", trace)
    if error is not None and error.error_class in _OUT_OF_MEMORY and error.reason_code == "handler_error":
        return replace(error, reason_code="out_of_memory")
    return error


def _columns(error: Error | None) -> dict[str, Any]:
    if error is None:
        return {}
    return {
        "error_class": cut(clean(error.error_class), 255)[0],
        "error_reason_code": cut(clean(error.reason_code), 64)[0],
        "error_message": cut(clean(error.message), MESSAGE_BYTES)[0],
        "error_traceback": None
        if error.traceback is None
        else cut(clean(error.traceback), TRACEBACK_BYTES)[-1],
    }


def _attempt(outcome: Outcome, told: Mapping[str, Any]) -> dict[str, Any]:
    end = outcome.exit or Exit(None, None)
    cause = outcome.cause.value if outcome.cause is not None else None
    return {
        "reason_code": told.get("error_reason_code") or cause, "error_class": told.get("error_class"),
        "error_message": told.get("error_message"), "traceback": told.get("error_traceback"),
        "exit_code": end.code, "exit_signal": end.signal, "cpu_seconds": end.cpu_seconds, "peak_rss": end.peak_rss,
    }  # fmt: skip
