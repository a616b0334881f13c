"""Handlers for the tests of pools."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from jobrunner import JobContext, job


@job("w.witness")
def witness(ctx: JobContext, path: str) -> None:
    """Appends its job, fence and process to a file, in one write."""
    with Path(path).open("ab", buffering=0) as file:
        file.write(f"{ctx.job_id} {ctx.fence} {os.getpid()}\n".encode())


@job("w.wait", idempotent=True, max_attempts=3, backoff=0.05)
def wait(ctx: JobContext, seconds: float = 60) -> dict[str, int]:
    """Says its pid and waits; may be run again."""
    ctx.info(f"pid {os.getpid()}")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.02)
    return {"attempt": ctx.attempt}


@job("w.spin")
def spin(ctx: JobContext, megabytes: int) -> None:
    """Says its pid, and uses that much memory and all of a core."""
    held = bytearray(b"x") * (megabytes * 1024**2)
    ctx.info(f"pid {os.getpid()}")
    while held:
        pass


@job("w.once")
def once(ctx: JobContext, seconds: float = 60) -> dict[str, int]:
    """Says its pid and waits; may not be run again."""
    return wait(ctx, seconds)


@job("w.suicide")
def suicide() -> None:
    """Kills its own process."""
    print("goodbye", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


@job("w.daemon")
def daemon(ctx: JobContext) -> dict[str, int]:
    """Leaves a process behind that has called setsid and holds nothing of the job's."""
    left = subprocess.Popen(
        ["sleep", "300"], start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return {"pid": left.pid}


@job("w.says")
def says(ctx: JobContext, n: int = 3) -> dict[str, int]:
    """Says n lines by print, and as many by its context."""
    for number in range(n):
        print("printed", number)
        ctx.info(f"told {number}")
    return {"n": n}


@job("w.counting")
def counting(ctx: JobContext, path: str, n: int = 60, pause: float = 0.05) -> dict[str, int]:
    """Says its pid, then a number now and then, and notes in a file when it begins and when it ends."""
    _note(path, f"{ctx.job_id} start")
    ctx.info(f"pid {os.getpid()}")
    for number in range(n):
        print(number, flush=True)
        time.sleep(pause)
    _note(path, f"{ctx.job_id} end")
    return {"n": n}


def _note(path: str, what: str) -> None:
    with Path(path).open("ab", buffering=0) as file:
        file.write(f"{what}\n".encode())
