"""Starting worker processes: detached ones that outlive their starter, and one that is waited for."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from jobrunner import clock, codes, identifiers, scopes
from jobrunner.errors import JobRunnerError, LaunchFailed
from jobrunner.failpoints import failpoint
from jobrunner.processes import MARK, WORKER
from jobrunner.settings import Settings

__all__ = ["LaunchFailed", "become", "directory", "foreground", "nursery", "spawn"]

PATIENCE = 20.0
TAKEN = b"taken"
BROKEN = 125
_SCOPED_PATIENCE, _NOT_AGAIN = 5.0, 300.0
_refused_at = float("-inf")
_PIPE = 65_536
OWN_PREFIX = "JOBRUNNER_"
_MINIMAL = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
)  # fmt: skip
# They speak of descriptors, of a supervisor and of an attempt that a process of its own does not have.
_OF_THIS_PROCESS = frozenset(
    {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"}
    | {"WERKZEUG_SERVER_FD", "WERKZEUG_RUN_MAIN", MARK, WORKER}
)
_TOLD = 2000


def spawn(order: Mapping[str, Any], settings: Settings) -> None:
    """Starts a detached worker, in a session of its own, without any of this process's descriptors.

    Where there is a systemd it gets a scope of its own; one that refuses is not asked again for some minutes.
    Returns when the worker has taken its order and left this process's family, so there is no zombie.
    Raises LaunchFailed with the reason when that has not happened within 20 s.
    """
    global _refused_at
    env = environment(settings) | {WORKER: identifiers.uuid7()}
    told = {**order, "detach": True, "cgroup": scopes.own_group()}
    name = f"jobrunner-{order['job_id']}-{identifiers.uuid7()[-12:]}"
    scoped = None if clock.monotonic() < _refused_at + _NOT_AGAIN else scopes.command(name, env)
    if scoped is not None:
        try:
            return _spawn([*scoped, *_command()], {**told, "scope": scopes.SCOPE}, env, _SCOPED_PATIENCE)
        except LaunchFailed:
            _refused_at = clock.monotonic()
    return _spawn(_command(), {**told, "scope": scopes.NONE}, env, PATIENCE)


def _spawn(command: list[str], order: Mapping[str, Any], env: dict[str, str], patience: float) -> None:
    failpoint("spawn.worker.before")
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, close_fds=True,
            start_new_session=True, env=env,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise LaunchFailed(f"No worker process could be started: {error}") from error
    with process:
        try:
            answer, told = process.communicate(_encoded(order), patience)
        except subprocess.TimeoutExpired as error:
            _kill(process)
            raise LaunchFailed(f"The worker process did not take its order within {patience:g} s.") from error
        except OSError as error:
            _kill(process)
            raise LaunchFailed(f"The worker process could not be given its order: {error}") from error
    # A starter that ignores SIGCHLD is never told how its children ended, so the worker says it.
    if answer != TAKEN:
        reason = told.decode("utf-8", "replace").strip()[-_TOLD:] or f"it ended with {process.returncode}"
        raise LaunchFailed(f"The worker process did not start: {reason}")
    failpoint("spawn.worker.after")


def foreground(order: Mapping[str, Any], settings: Settings | None = None) -> int:
    """Runs a worker as a child of this process and returns its exit code: 0 succeeded or cancelled, else 1.

    SIGINT and SIGTERM are passed on, and the worker then ends its job in order; if this process dies
    the worker does the same. Raises LaunchFailed when no process can be started, and what the worker says of a
    store that cannot be used.
    """
    chosen = settings or Settings.from_order(order["settings"])
    failpoint("spawn.foreground.before")
    try:
        process = subprocess.Popen(
            _command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=True, start_new_session=True,
            env=environment(chosen),
        )  # fmt: skip
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise LaunchFailed(f"No worker process could be started: {error}") from error
    failpoint("spawn.foreground.after")
    with process, _passing_signals_to(process):
        told, _ = process.communicate(_encoded({**order, "detach": False, "parent": os.getpid()}))
    if process.returncode == BROKEN:
        raise _told(told)
    return 0 if process.returncode == 0 else 1


def _told(answer: bytes) -> JobRunnerError:
    told = json.loads(answer.splitlines()[-1])
    kind = codes.error_of(told["code"]) or JobRunnerError
    return kind(told["message"], hint=told["hint"], fields=told["fields"])


def become(order: Mapping[str, Any], settings: Settings) -> NoReturn:
    """Makes this very process a worker: its pid, its output and its supervisor stay, everything else goes.

    Raises LaunchFailed when that cannot be done.
    """
    told = _encoded(order)
    try:
        reading, writing = os.pipe()
        if len(told) > _PIPE:
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, len(told))
        os.set_blocking(writing, False)
        if os.write(writing, told) < len(told):
            raise LaunchFailed("The order of the worker is too long.")
        os.dup2(reading, 0)
        os.close(writing)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        command = _command()
        failpoint("spawn.pool.before")
        os.execve(command[0], command, environment(settings))
    except (OSError, ValueError) as error:
        raise LaunchFailed(f"No worker process could be started: {error}") from error


def nursery(order: Mapping[str, Any], sock: socket.socket) -> subprocess.Popen[bytes]:
    """Starts the nursery of this worker, with ``sock`` as its end of the control socket."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "child", "__main__.py")
    failpoint("spawn.nursery.before")
    try:
        process = subprocess.Popen(
            [_interpreter(), "-P", program],
            stdin=subprocess.PIPE,
            pass_fds=[sock.fileno()],
            start_new_session=True,
        )
        assert process.stdin is not None
        with process.stdin as told:
            told.write(_encoded({**order, "socket": sock.fileno(), "pool": os.getpid()}))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise LaunchFailed(f"No nursery could be started: {error}") from error
    failpoint("spawn.nursery.after")
    return process


def directory() -> str:
    """Returns the working directory, in which workers start too; raises LaunchFailed when it is gone."""
    try:
        return os.getcwd()
    except OSError as error:
        raise LaunchFailed(
            f"Nothing can be started here: the working directory is gone ({error.strerror})."
        ) from error


def environment(settings: Settings, own: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns the environment for a worker and its handlers, as the setting ``worker_env`` says.

    Never part of it: jobrunner's own variables, which hold the database password, and those that
    name descriptors, a supervisor or the attempt of this process.
    """
    given = os.environ if own is None else own
    wanted = settings.worker_env
    if wanted == "inherit":
        kept = dict(given)
    elif wanted == "minimal":
        kept = {name: value for name, value in given.items() if name in _MINIMAL or name.startswith("LC_")}
    else:
        kept = {name: value for name, value in given.items() if name in wanted}
    return {
        name: value
        for name, value in kept.items()
        if not name.upper().startswith(OWN_PREFIX) and name not in _OF_THIS_PROCESS
    }


def _command() -> list[str]:
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker", "__main__.py")
    return [_interpreter(), "-P", program]


def _interpreter() -> str:
    """Python's own path; a program that embeds Python (uWSGI, mod_wsgi) calls itself the executable."""
    executable = sys.executable or ""
    if "python" in os.path.basename(executable).lower() or "pypy" in os.path.basename(executable).lower():
        return executable
    beside = os.path.join(sys.prefix, "bin", "python3")
    if os.access(beside, os.X_OK):
        return beside
    if not executable:
        raise LaunchFailed("No Python interpreter is known to start a worker with.")
    return executable


def _kill(process: subprocess.Popen[bytes]) -> None:
    failpoint("signal.starting.before")
    process.kill()
    failpoint("signal.starting.after")


def _encoded(order: Mapping[str, Any]) -> bytes:
    # Paths may hold bytes that are no UTF-8, as lone surrogates; ASCII JSON carries them unharmed.
    return json.dumps(dict(order)).encode("ascii")


@contextmanager
def _passing_signals_to(process: subprocess.Popen[bytes]) -> Iterator[None]:
    def pass_on(number: int, _frame: object) -> None:
        failpoint("signal.foreground.before")
        process.send_signal(number)
        failpoint("signal.foreground.after")

    before: dict[int, Any] = {}
    try:
        for one in (signal.SIGINT, signal.SIGTERM):
            before[one] = signal.signal(one, pass_on)
    except ValueError:
        pass  # signals reach the main thread only, and this is another one
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
