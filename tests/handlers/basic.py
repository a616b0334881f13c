"""Handlers that the tests share: each shows one behaviour."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
import time
import warnings
from typing import Any, Literal

from jobrunner import JobContext, job

logger = logging.getLogger("tests.handlers")


@job("t.noop")
def noop() -> None:
    """Returns at once."""


@job("t.add")
def add(a: int, b: int = 2) -> dict[str, int]:
    """Returns a sum."""
    return {"sum": a + b}


@job("t.async_add")
async def async_add(a: int, b: int = 2) -> dict[str, int]:
    """Returns a sum, later."""
    await asyncio.sleep(0)
    return {"sum": a + b}


@job("t.echo")
def echo(value: object = None) -> dict[str, object]:
    """Returns what it was given."""
    return {"value": value}


@job("t.fail")
def fail(message: str = "no luck") -> None:
    """Raises."""
    raise ValueError(message)


@job("t.flaky", idempotent=True, max_attempts=3, backoff=0.05)
def flaky(ctx: JobContext, succeed_at: int = 2) -> dict[str, int]:
    """Fails until its attempt is ``succeed_at``."""
    if ctx.attempt < succeed_at:
        raise RuntimeError(f"attempt {ctx.attempt} fails")
    return {"attempt": ctx.attempt}


@job("t.sleep")
def sleep(ctx: JobContext, seconds: float = 30, cooperate: bool = True) -> dict[str, float]:
    """Sleeps in short naps; when cooperating it looks for a cancel between them."""
    ctx.info("sleeping")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if cooperate:
            ctx.check_cancelled()
        time.sleep(min(0.02, seconds))
    return {"slept": seconds}


@job("t.check")
def check(ctx: JobContext, seconds: float = 30) -> dict[str, bool]:
    """Looks at the cancel flag without obeying it; returns what it last saw."""
    ctx.info("looking")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not ctx.cancel_requested:
        time.sleep(0.01)
    return {"cancel_requested": bool(ctx.cancel_requested)}


@job("t.stubborn")
def stubborn(ctx: JobContext, seconds: float = 30) -> None:
    """Ignores SIGTERM and every request to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ctx.info("stubborn")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.05)


@job("t.locked", lock_key="t:{shop_id}")
def locked(ctx: JobContext, shop_id: int, seconds: float = 0) -> dict[str, int]:
    """Holds a lock key while it works."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ctx.check_cancelled()
        time.sleep(0.02)
    return {"shop_id": shop_id}


@job("t.lines")
def lines(
    ctx: JobContext, n: int = 10, via: Literal["print", "ctx", "log"] = "ctx", pause: float = 0
) -> dict[str, int]:
    """Says ``line 1`` to ``line n``."""
    say: dict[str, Any] = {"print": print, "ctx": ctx.info, "log": logger.info}
    for number in range(1, n + 1):
        say[via](f"line {number}")
        if pause:
            time.sleep(pause)
    return {"lines": n}


@job("t.steps")
def steps(ctx: JobContext, pause: float = 0) -> dict[str, int]:
    """Goes through two steps and reports progress."""
    with ctx.step("first", "The first step", index=1, total=2):
        ctx.progress(25, "a quarter")
        time.sleep(pause)
    with ctx.step("second", "The second step", index=2, total=2):
        for _ in ctx.track(range(4)):
            time.sleep(pause)
    return {"steps": 2}


@job("t.groups")
def groups(ctx: JobContext) -> None:
    """Says lines in groups within a step, and one after it."""
    with ctx.step("load", "Load", index=1, total=1), ctx.group("chunk 1"):
        ctx.info("in the chunk")
        with ctx.group("file a"):
            print("in the file")
    with ctx.group("after"):
        ctx.info("outside of the step")


@job("t.voices")
def voices(ctx: JobContext) -> None:
    """Says one line in every way there is."""
    ctx.debug("a debug line")
    ctx.info("an info line", shop=7)
    ctx.warning("a warning line")
    ctx.error("an error line")
    ctx.respond("a response")
    print("to stdout")
    print("to stderr", file=sys.stderr)
    logger.warning("by logging")
    warnings.warn("by warnings", stacklevel=1)
    subprocess.run(["echo", "from a program"], check=True)
