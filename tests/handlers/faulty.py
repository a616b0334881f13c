"""Handlers for the fault suite: they say odd lines, and note outside of the database what they do."""

from __future__ import annotations

import subprocess
import sys
import time

from jobrunner import JobContext, job
from tests.faults.oddities import line
from tests.faults.witness import note


def work(ctx: JobContext, witness: str, lines: int, seconds: float) -> dict[str, int]:
    def tell(what: str, number: int = 0) -> None:
        note(witness, ctx.job_id, ctx.attempt, ctx.fence, what, number)

    tell("start")
    with ctx.step("work", "Work", index=1, total=1):
        for number in range(1, lines + 1):
            ctx.check_cancelled()
            tell("step", number)
            print(line(number), flush=True)
            if seconds:
                time.sleep(seconds)
    tell("end")
    return {"attempt": ctx.attempt}


@job("f.again", idempotent=True, max_attempts=50, backoff=0.05)
def again(
    ctx: JobContext, witness: str, lines: int = 5, seconds: float = 0.0, odd: str = ""
) -> dict[str, int]:
    """May be run again and again."""
    return work(ctx, witness, lines, seconds)


@job("f.once")
def once(
    ctx: JobContext, witness: str, lines: int = 5, seconds: float = 0.0, odd: str = ""
) -> dict[str, int]:
    """Must not run twice unless a person says so."""
    return work(ctx, witness, lines, seconds)


@job("f.flaky", idempotent=True, max_attempts=50, backoff=0.05)
def flaky(
    ctx: JobContext, witness: str, lines: int = 3, seconds: float = 0.0, odd: str = ""
) -> dict[str, int]:
    """Fails at every odd attempt."""
    work(ctx, witness, lines, seconds)
    if ctx.attempt % 2:
        raise RuntimeError("It did not work this time.")
    return {"attempt": ctx.attempt}


@job("f.timed", idempotent=False, timeout=1.5)
def timed(ctx: JobContext, witness: str, lines: int = 5000, seconds: float = 0.02) -> dict[str, int]:
    """Takes longer than it may."""
    return work(ctx, witness, lines, seconds)


@job("f.holder")
def holder(witness: str) -> dict[str, int]:
    """Leaves a program in a session of its own that holds the output, and returns."""
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    print("left", flush=True)
    return {"pid": left.pid}


@job("f.flood")
def flood(ctx: JobContext, witness: str, size: int) -> dict[str, int]:
    """Writes one long line, binary and odd bytes, and many short lines, as fast as it can."""
    out = sys.stdout.buffer
    out.write(b"x" * size + b"\n")
    out.write(bytes(range(256)) * 64 + b"\n")
    out.write(b"\x1b[31mred\x1b[0m \x1b]0;title\x07 nul:\x00 bad:\xff\xfe\xc3( end\n")
    for number in range(size // 200):
        out.write(b"%08d\n" % number)
    out.write(b"no newline at the end")
    out.flush()
    return {"lines": size // 200}


@job("f.eater")
def eater(witness: str, megabytes: int) -> None:
    """Takes memory until there is none."""
    print("hungry", flush=True)
    kept = []
    for _ in range(megabytes):
        kept.append(bytearray(1024 * 1024))
        time.sleep(0.002)
