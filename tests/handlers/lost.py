"""Handlers whose worker gets lost; each says outside of the database when it begins and when it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from jobrunner import JobContext, job, processes
from tests.faults.oddities import line
from tests.faults.witness import note as write


def note(path: str, ctx: JobContext, what: str, number: int = 0) -> None:
    write(path, ctx.job_id, ctx.attempt, ctx.fence, what, number)


def work(ctx: JobContext, witness: str, seconds: float) -> dict[str, int]:
    note(witness, ctx, "start")
    deadline = time.monotonic() + (seconds if ctx.attempt == 1 else 0)
    number = 0
    while time.monotonic() < deadline:
        number += 1
        note(witness, ctx, "step", number)
        print(line(number), flush=True)
        time.sleep(0.02)
    note(witness, ctx, "end")
    return {"attempt": ctx.attempt}


@job("l.again", idempotent=True, max_attempts=3)
def again(ctx: JobContext, witness: str, seconds: float = 60) -> dict[str, int]:
    """May be done again; is slow at its first attempt only."""
    return work(ctx, witness, seconds)


@job("l.single", idempotent=True)
def single(ctx: JobContext, witness: str, seconds: float = 60) -> dict[str, int]:
    """May be done again, but has no attempt left."""
    return work(ctx, witness, seconds)


@job("l.once")
def once(ctx: JobContext, witness: str, seconds: float = 60) -> dict[str, int]:
    """Must not be done twice without asking."""
    return work(ctx, witness, seconds)


@job("l.family", idempotent=True, max_attempts=3)
def family(ctx: JobContext, witness: str, pids: str, unbound: bool = False) -> dict[str, int]:
    """Leaves the worker's family: a program and a fork, each in a session of its own; done at once the second time.

    ``unbound``, the kernel no longer ends this process with its parent, as after a change of user.
    """
    note(witness, ctx, "start")
    if unbound:
        processes.die_with_parent(0)
    if ctx.attempt > 1:
        return {"attempt": ctx.attempt}
    program = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    copy = os.fork()
    if copy == 0:
        os.setsid()
        time.sleep(60)
        os._exit(0)
    Path(pids).write_text(f"{program.pid} {copy}", "ascii")
    print("left", flush=True)
    time.sleep(60)
    return {}


@job("l.quick")
def quick() -> None:
    """Returns at once."""
