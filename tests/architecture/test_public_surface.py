"""What users import is there, under the names that the contract gives."""

from __future__ import annotations

import inspect

import pytest

import jobrunner
from jobrunner import errors

CONTRACT = {
    "JobRunner", "job", "register", "JobContext", "Backoff", "JobCancelled", "JobRunnerError", "StartResult", "ActionResult",
    "StatusModel", "set_default", "WaitTimeout", "JobFailed", "JobNotFinished", "JobNotFound",
}  # fmt: skip


def test_every_public_name_can_be_imported() -> None:
    assert set(jobrunner.__all__) >= CONTRACT
    assert [name for name in jobrunner.__all__ if not hasattr(jobrunner, name)] == []


def test_dir_lists_the_public_names() -> None:
    assert set(jobrunner.__all__) <= set(dir(jobrunner))


def test_an_unknown_name_is_an_attribute_error() -> None:
    name = "no_such_name"
    with pytest.raises(AttributeError, match=name):
        getattr(jobrunner, name)


def test_every_error_has_a_code_of_its_own_and_its_docstring_is_its_message() -> None:
    found = [
        error
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, errors.JobRunnerError) and error.__module__ == errors.__name__
    ]
    assert len({error.code for error in found}) == len(found)
    assert [error for error in found if not error.__doc__ or "code" not in vars(error)] == []
