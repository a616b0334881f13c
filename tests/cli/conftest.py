"""The command line without a process of its own, for what does not depend on one."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace
from typing import Any

import pytest

from jobrunner.cli.main import call
from tests.stores import Store

Done = subprocess.CompletedProcess[str]


class Inside:
    """Calls commands in this process, as ``CommandLine`` does in one of their own."""

    def __call__(self, *args: object, input: str = "", check: int | None = None) -> Done:
        """Returns what the command did; ``check`` is the exit code that it must have."""
        out, err, before = io.StringIO(), io.StringIO(), sys.stdin
        sys.stdin = SimpleNamespace(buffer=io.BytesIO(input.encode()))
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = call([str(arg) for arg in args])
        finally:
            sys.stdin = before
        done = Done([str(arg) for arg in args], code, out.getvalue(), err.getvalue())
        if check is not None and code != check:
            raise AssertionError(f"{args} exited {code}, not {check}\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *args: object, check: int | None = 0, **options: Any) -> Any:
        """Returns the one JSON document that the command prints with ``--json``."""
        return json.loads(self(*args, "--json", check=check, **options).stdout)


@pytest.fixture
def inside(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inside]:
    """The command line in this process, on the test's store."""
    monkeypatch.setenv("NO_COLOR", "1")
    before = list(sys.path)
    yield Inside()
    sys.path[:] = before
