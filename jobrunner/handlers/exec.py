"""The built-in job type ``jobrunner.exec``: any program as a job."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from jobrunner.errors import JobCancelled, JobRunnerError
from jobrunner.failpoints import failpoint
from jobrunner.handlers.decorator import job

if TYPE_CHECKING:
    from subprocess import Popen

TYPE = "jobrunner.exec"
_NOT_FOUND = 127
_NOT_RUN = 126
_LOOK = 0.25


class ProgramFailed(JobRunnerError):
    """The program did not end with exit code 0."""

    code = "program_failed"
    default_hint = "See what it printed with: jobrunner logs ID"

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.__jobrunner_reason__ = reason


class Asked:
    """The part of the context that is used here; the mark makes it the context parameter."""

    __jobrunner_context__: ClassVar[bool] = True
    cancel_requested: bool


@job(TYPE, title="Program")
def run_program(
    ctx: Asked, argv: Annotated[list[str], Field(min_length=1)], cwd: str | None = None
) -> dict[str, int]:
    """Runs a program without a shell, its output going where this process's goes; returns its exit code 0.

    Any other end raises ProgramFailed with the reason code exited_N or killed_by_signal_N. A
    program that is not found counts as exited_127, one that cannot be executed, or not in ``cwd``,
    as exited_126. When the job is asked to end, the program gets SIGTERM and is waited for.
    """
    programs: list[Popen[bytes]] = []
    asked = False
    try:
        _start(argv, cwd, programs)
        _wait(programs[0], ctx)
        asked = programs[0].returncode is None
    except JobCancelled:
        asked = True
        if not programs:
            raise
    if asked:
        _end(programs[0])
    code = programs[0].returncode
    if code == 0:
        return {"exit_code": 0}
    how = f"exited with {code}" if code > 0 else f"was killed by {_signal_name(-code)}"
    if asked:
        raise JobCancelled(f"{argv[0]} {how} after it was asked to end.")
    reason = f"exited_{code}" if code > 0 else f"killed_by_signal_{-code}"
    raise ProgramFailed(f"{argv[0]} {how}.", reason)


def _start(argv: list[str], cwd: str | None, programs: list[Popen[bytes]]) -> None:
    """Appends the started program; a SIGTERM that comes meanwhile is seen when the program is known."""
    import subprocess

    came: list[int] = []
    shielded = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, lambda number, _: came.append(number)) if shielded else None
    try:
        failpoint("spawn.program.before")
        programs.append(subprocess.Popen(argv, cwd=cwd))
        failpoint("spawn.program.after")
    except (OSError, ValueError) as error:
        raise _not_started(argv[0], cwd, error) from error
    finally:
        if shielded:
            signal.signal(signal.SIGTERM, before)
    if came:
        signal.raise_signal(signal.SIGTERM)


def _wait(program: Popen[bytes], ctx: Asked) -> None:
    """Returns when ``program`` has ended or the job is asked to."""
    import subprocess

    while not ctx.cancel_requested:
        try:
            program.wait(_LOOK)
        except subprocess.TimeoutExpired:
            continue
        return


def _end(program: Popen[bytes]) -> None:
    while True:
        failpoint("signal.program.before")
        program.terminate()
        failpoint("signal.program.after")
        try:
            program.wait()
        except JobCancelled:
            continue
        return


def _not_started(name: str, cwd: str | None, error: OSError | ValueError) -> ProgramFailed:
    if isinstance(error, FileNotFoundError) and (cwd is None or error.filename != cwd):
        return ProgramFailed(f"The program {name} was not found.", f"exited_{_NOT_FOUND}")
    return ProgramFailed(f"The program {name} could not be run: {error}.", f"exited_{_NOT_RUN}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
