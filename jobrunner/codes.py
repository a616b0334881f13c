"""The errors of the library by their codes, for those that another process has told."""

from __future__ import annotations

from collections.abc import Iterator

from jobrunner import errors
from jobrunner.errors import JobRunnerError


def error_of(code: str) -> type[JobRunnerError] | None:
    """Returns the class of error that has this code; None for a code that is not the library's."""
    return next((kind for kind in _kinds(JobRunnerError) if kind.code == code), None)


def _kinds(kind: type[JobRunnerError]) -> Iterator[type[JobRunnerError]]:
    yield kind
    for narrower in kind.__subclasses__():
        if narrower.__module__ == errors.__name__:
            yield from _kinds(narrower)
