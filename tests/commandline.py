"""The command line, run as a user runs it: a process of its own in the store's directory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

Done = subprocess.CompletedProcess[str]


class CommandLine:
    """Calls ``python -m jobrunner``; the store stands in the environment of the test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._running: list[subprocess.Popen[str]] = []

    def __call__(
        self,
        *args: object,
        input: str | None = None,
        env: dict[str, str | None] | None = None,
        check: int | None = None,
        timeout: float = 60,
    ) -> Done:
        """Returns what the command did; ``check`` is the exit code that it must have.

        ``env`` adds to the test's environment; None takes a variable away.
        """
        done = subprocess.run(
            self._command(args), input="" if input is None else input, env=_environment(env), cwd=self.directory,
            capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip
        if check is not None and done.returncode != check:
            raise AssertionError(
                f"{args} exited {done.returncode}, not {check}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def json(self, *args: object, check: int | None = 0, **options: Any) -> Any:
        """Returns the one JSON document that the command prints with ``--json``."""
        done = self(*args, "--json", check=check, **options)
        return json.loads(done.stdout)

    def spawn(self, *args: object, env: dict[str, str | None] | None = None) -> subprocess.Popen[str]:
        """Returns the command while it runs, with pipes; it is killed when the test ends."""
        process = subprocess.Popen(
            self._command(args), env=_environment(env), cwd=self.directory, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._running.append(process)
        return process

    def end(self) -> None:
        """Kills what still runs and closes its pipes."""
        for process in self._running:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    # What was not yet written cannot be flushed to the dead.
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _command(self, args: tuple[object, ...]) -> list[str]:
        return [sys.executable, "-m", "jobrunner", *map(str, args)]


def _environment(extra: dict[str, str | None] | None) -> dict[str, str]:
    merged: dict[str, str | None] = {**os.environ, "NO_COLOR": "1", **(extra or {})}
    return {name: value for name, value in merged.items() if value is not None}
