"""Every error says how to mend what it says."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from jobrunner import names
from jobrunner.errors import JobRunnerError

MODULES = (
    "errors", "store.journal", "handlers.exec", "cli.main", "cli.acting", "cli.output", "cli.running", "cli.serving",
)  # fmt: skip


def kinds() -> list[type[JobRunnerError]]:
    found: list[Any] = [
        value
        for module in (import_module(f"jobrunner.{name}") for name in MODULES)
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]
    return [kind for kind in found if issubclass(kind, JobRunnerError) and kind is not JobRunnerError]


@pytest.mark.parametrize("raised", kinds(), ids=lambda kind: kind.__name__)
def test_an_error_has_a_message_and_a_hint(raised: Any) -> None:
    made = raised("told", "exited_1") if raised.__name__ == "ProgramFailed" else raised()
    assert made.message and made.hint and made.hint != made.message


@pytest.mark.parametrize(
    ("name", "reason", "hint"),
    [
        ("é" * 96, "is longer than 191 bytes", "Shorten it to 191 bytes of UTF-8; it has 192."),
        ("a\udcff", "is not valid Unicode", "Give text that is valid UTF-8."),
        ("a\nb", "holds a control character", "Take out line breaks, tabs and other control characters."),
        (5, "is not text", "Give text."),
        ("", "is empty", "Give one character at least, or leave it out where it may be."),
        (" a", "has white space at its edges", "Take the white space at its edges away."),
    ],
)
def test_what_is_wrong_with_a_name_says_how_to_mend_it(name: object, reason: str, hint: str) -> None:
    found = names.fault(name, 191)
    assert (found, names.hint_of(found)) == (reason, hint)
