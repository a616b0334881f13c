"""The table of exit codes."""

from __future__ import annotations

from typing import Any

import pytest

from jobrunner import errors
from jobrunner.cli import exits
from jobrunner.models import ActionResult, StatusModel


def job(status: str, *, mode: str | None = None, reason: str | None = None) -> StatusModel:
    row: dict[str, Any] = {
        "id": 1, "uuid": "u", "type": "t", "status": status, "is_active": False, "is_terminal": True, "queue": "q",
        "priority": 0, "idempotent": False, "launcher": "pool", "attempt": 1, "budget_used": 1, "max_attempts": 1,
        "created_at": "x", "updated_at": "x", "last_seq": 1, "first_seq": 1, "cancel_mode": mode,
    }  # fmt: skip
    error = {"reason_code": reason} if reason else None
    return StatusModel.model_validate({"schema_version": 1, "found": True, "job": row, "error": error})


@pytest.mark.parametrize(
    ("status", "mode", "code"),
    [
        ("succeeded", None, 0), ("failed", None, 1), ("abandoned", None, 1), ("parked", None, 6), ("cancelled", "cancel", 130),
        ("stopped", "kill", 137), ("stopped", "stop", 143), ("stopped", "cancel", 143), ("running", None, 0),
    ],
)  # fmt: skip
def test_a_job_ends_with_its_code(status: str, mode: str | None, code: int) -> None:
    assert exits.of_job(job(status, mode=mode)) == code


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        ("failed", "exited_7", 7), ("failed", "killed_by_signal_9", 137), ("failed", "handler_error", 1),
        ("failed", "launch_failed", 1), ("succeeded", None, 0), ("cancelled", "exited_7", 130),
    ],
)  # fmt: skip
def test_a_program_ends_with_its_own_code(status: str, reason: str | None, code: int) -> None:
    assert exits.of_program(job(status, reason=reason)) == code


@pytest.mark.parametrize(
    ("outcome", "reason", "code"),
    [
        ("done", None, 0), ("requested", None, 0), ("already_requested", None, 0), ("already_terminal", None, 5),
        ("refused", "lock_held", 5), ("not_found", "job_not_found", 3), ("done", "launch_failed", 1),
    ],
)  # fmt: skip
def test_a_verb_ends_with_its_code(outcome: Any, reason: str | None, code: int) -> None:
    assert exits.of_result(ActionResult(outcome=outcome, reason_code=reason)) == code


def test_every_error_of_the_library_has_a_code() -> None:
    expected = {
        "InvalidParams": 2, "HandlerNotRegistered": 2, "AmbiguousJob": 2, "AmbiguousWorker": 2, "ParamsTooLarge": 2, "InvalidTime": 2,
        "JobNotFound": 3, "WaitTimeout": 124, "DatabaseUnavailable": 125, "SchemaMissing": 125, "BadDatabaseUrl": 125,
        "InvalidConfiguration": 125, "JobFailed": 1, "LaunchFailed": 1,
    }  # fmt: skip
    assert {name: exits.of_error(getattr(errors, name)()) for name in expected} == expected


def test_the_first_code_that_is_not_0_counts() -> None:
    assert exits.first_of([0, 0, 5, 3]) == 5
    assert exits.first_of([0, 0]) == exits.first_of([]) == 0
