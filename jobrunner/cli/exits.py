"""What the exit code of a command says: the one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobrunner import errors

if TYPE_CHECKING:
    from jobrunner.models import ActionResult, DrainResult, StartResult, StatusModel

DONE, FAILED, USAGE, NOT_FOUND, NOT_ALLOWED, REFUSED, PARKED = 0, 1, 2, 3, 4, 5, 6
TIMED_OUT, BROKEN, CANCELLED, KILLED, STOPPED = 124, 125, 130, 137, 143

# The first class that fits counts.
_OF_ERRORS: tuple[tuple[type[errors.JobRunnerError], int], ...] = (
    (errors.BadInput, USAGE),
    (errors.BadRegistration, USAGE),
    (errors.JobNotFound, NOT_FOUND),
    (errors.TokenNotFound, NOT_FOUND),
    (errors.Unauthorized, NOT_ALLOWED),
    (errors.Forbidden, NOT_ALLOWED),
    (errors.JobNotFinished, REFUSED),
    (errors.JobFailed, FAILED),
    (errors.LaunchFailed, FAILED),
    (errors.WaitTimeout, TIMED_OUT),
    (errors.JobRunnerError, BROKEN),
)
_OF_STATUSES = {
    "succeeded": DONE,
    "failed": FAILED,
    "abandoned": FAILED,
    "parked": PARKED,
    "cancelled": CANCELLED,
    "stopped": STOPPED,
}
_OF_OUTCOMES = {
    "already_terminal": REFUSED,
    "refused": REFUSED,
    "not_found": NOT_FOUND,
    "launch_failed": FAILED,
}


def of_error(error: errors.JobRunnerError) -> int:
    """Returns the exit code for an error that the library raised."""
    return next(code for kind, code in _OF_ERRORS if isinstance(error, kind))


def of_job(seen: StatusModel) -> int:
    """Returns the exit code that says how a job ended: 137 for a kill, 143 for a stop; 0 while it goes on."""
    if seen.job is None:
        return NOT_FOUND
    if seen.job.status == "stopped" and seen.job.cancel_mode == "kill":
        return KILLED
    return _OF_STATUSES.get(seen.job.status, DONE)


def of_result(result: StartResult | ActionResult | DrainResult) -> int:
    """Returns the exit code for what became of a start or a verb; a launch that failed is a failed job."""
    if result.reason_code == "launch_failed":
        return FAILED
    return _OF_OUTCOMES.get(result.outcome, DONE)


def of_program(seen: StatusModel) -> int:
    """Returns the exit code of the program that a job ran: its own, or 128 + the signal that killed it."""
    reason = (seen.error and seen.error.reason_code) or ""
    kind, _, number = reason.rpartition("_")
    if seen.job is None or seen.job.status != "failed" or not number.isdecimal():
        return of_job(seen)
    if kind == "killed_by_signal":
        return 128 + int(number)
    return int(number) if kind == "exited" else of_job(seen)


def first_of(codes: list[int]) -> int:
    """Returns the first code that is not 0."""
    return next((code for code in codes if code != DONE), DONE)
