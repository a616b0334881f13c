"""The handlers that are measured."""

from __future__ import annotations

import time

from jobrunner import JobContext, job


@job("bench.small")
def small(number: int, name: str) -> dict[str, int]:
    """Has the parameters of an ordinary job."""
    return {"number": number}


@job("bench.first")
def first(ctx: JobContext) -> None:
    """Says one line."""
    ctx.info("here")


@job("bench.print")
def print_lines(lines: int) -> None:
    """Prints that many lines."""
    for number in range(lines):
        print(f"line {number} of {lines}, which is about as long as lines of programs are")


@job("bench.tick")
def tick(ctx: JobContext, ticks: int, every: float) -> None:
    """Says the time again and again."""
    for _ in range(ticks):
        ctx.info(repr(time.time()))
        time.sleep(every)  # the pace of its lines


@job("bench.sleep")
def sleep(ctx: JobContext, seconds: float) -> None:
    """Sleeps after its first line."""
    ctx.info("asleep")
    time.sleep(seconds)  # a job that only waits
