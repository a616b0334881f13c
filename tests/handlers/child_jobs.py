"""Handlers for the tests of the child process."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
import warnings
from typing import Any

from pydantic import BaseModel

from jobrunner.child.context import JobContext
from jobrunner.errors import JobCancelled
from jobrunner.handlers.decorator import job, register

print("printed while importing")
logging.getLogger("child.jobs").info("logged while importing")


@job("c.echo")
def echo(ctx: JobContext, value: int = 1, name: str = "x") -> dict[str, Any]:
    with ctx.step("one", "Step one", index=1, total=2):
        ctx.info("inside", value=value)
    ctx.warning("outside", name=name)
    ctx.respond("for you")
    ctx.heartbeat()
    return {"value": value, "name": name, "params": ctx.params, "id": ctx.job_id, "attempt": ctx.attempt}


@job("c.plain")
def plain() -> None:
    pass


@job("c.async")
async def asynchronous(ctx: JobContext, seconds: float = 0.0) -> dict[str, Any]:
    ctx.info("started")
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        ctx.info("cleaning up")
        raise
    return {"slept": seconds}


@job("c.group")
async def group_of_tasks(ctx: JobContext) -> None:
    async def part() -> None:
        while True:
            await asyncio.sleep(0.01)
            ctx.check_cancelled()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(part())
        tasks.create_task(part())
        ctx.info("started")


class Greeter:
    def run(self, ctx: JobContext, name: str = "you") -> dict[str, Any]:
        ctx.info("class")
        return {"hello": name}


register("c.class", Greeter)


def make_greeter():
    return Greeter()


register("c.factory", make_greeter)


class Broken:
    def __init__(self) -> None:
        raise RuntimeError("no instance")

    def run(self, ctx: JobContext) -> None:
        pass


register("c.broken", Broken)
register("c.norun", object)


class Model(BaseModel):
    number: int = 5


@job("c.result")
def result(kind: str) -> Any:
    cyclic: dict[str, Any] = {}
    cyclic["self"] = cyclic
    return {
        "model": Model(),
        "list": [1],
        "nan": {"x": float("nan")},
        "object": {"x": object()},
        "surrogate": {"x": "\udc80"},
        "large": {"x": "y" * 5000},
        "cyclic": cyclic,
    }[kind]


def _inner() -> None:
    raise ValueError("first")


@job("c.raise")
def raises(ctx: JobContext, kind: str) -> None:
    if kind == "chain":
        try:
            _inner()
        except ValueError as error:
            raise RuntimeError("second") from error
    if kind == "group":
        raise ExceptionGroup("many", [ValueError("a"), ExceptionGroup("more", [KeyError("b")])])
    if kind == "long":
        raise ValueError("é" * 50_000)
    if kind == "exit":
        sys.exit(3)
    if kind == "interrupt":
        raise KeyboardInterrupt
    if kind == "cancel":
        raise JobCancelled
    if kind == "context":
        ctx.progress(float("nan"))
    if kind == "unprintable":

        class Bad(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no")

        raise Bad


@job("c.wait")
def wait(ctx: JobContext, swallow: bool = False) -> dict[str, Any]:
    try:
        with ctx.step("waiting"):
            ctx.info("started")
            while not ctx.cancel_requested:
                try:
                    time.sleep(0.02)
                except Exception:
                    ctx.error("swallowed")
            ctx.info("saw the flag")
            ctx.check_cancelled()
    finally:
        time.sleep(0.3)
        ctx.info("cleaned up")
    return {}


@job("c.term")
def until_term(ctx: JobContext) -> None:
    try:
        ctx.info("started")
        while True:
            time.sleep(10)
    finally:
        ctx.info("cleaning up")
        time.sleep(0.2)
        ctx.info("cleaned up")


@job("c.log")
def logs(kind: str) -> None:
    log = logging.getLogger("shop.import")
    if kind == "levels":
        for level in (5, 10, 20, 25, 30, 40, 50):
            log.log(level, "level %d", level)
    if kind == "exception":
        try:
            _inner()
        except ValueError:
            log.exception("failed", extra={"row": 7, "odd": object()})
    if kind == "warning":
        warnings.warn("look out", UserWarning, stacklevel=1)
    if kind == "recursion":

        class Chatty:
            def __str__(self) -> str:
                log.warning("from within")
                return "chatty"

        log.info(Chatty())
        log.info("after")
    if kind == "badargs":
        log.info("%d rows", "many")
    if kind == "basic":
        logging.basicConfig(level=logging.DEBUG)
        log.debug("now shown")
    if kind == "dict":
        from logging.config import dictConfig

        dictConfig(
            {
                "version": 1,
                "handlers": {"console": {"class": "logging.StreamHandler", "level": "WARNING"}},
                "loggers": {"shop": {"handlers": ["console"], "propagate": False, "level": "DEBUG"}},
                "root": {"level": "ERROR"},
            }
        )
        fresh = logging.getLogger("shop.fresh")
        fresh.info("below the console's level")
        fresh.warning("shown once")


@job("c.print")
def prints(kind: str) -> None:
    if kind == "text":
        print("é \udc80 \0 ok")
        print("to stderr", file=sys.stderr)
        print("no newline", end="")
    if kind == "closed":
        os.close(1)
        os.close(2)
    if kind == "replaced":
        import io

        sys.stdout = io.StringIO()
        print("nowhere")
    if kind == "closerange":
        # All that a daemon closes, as far as it can see.
        os.closerange(3, 200)


@job("c.progress")
def progress(ctx: JobContext, kind: str) -> None:
    if kind == "flood":
        for number in range(20_000):
            ctx.progress(number / 200, "flood")
    if kind == "silent":
        ctx.progress(1)
        ctx.progress(2)
        ctx.progress(3, "three")
        time.sleep(0.6)
        ctx.info("after the silence")
    if kind == "track":
        for _ in ctx.track([1, 2, 3, 4]):
            pass
    if kind == "tqdm":
        from tqdm import tqdm, trange

        for _ in tqdm(range(30), desc="Rows"):
            for _ in trange(2, desc="inner", leave=False, disable=None):
                pass
        tqdm.write("a written line")


@job("c.fork")
def forks(ctx: JobContext, how: str = "return") -> dict[str, Any]:
    pid = os.fork()
    if pid == 0:
        if how == "raise":
            raise RuntimeError("in the copy")
        return {"copy": True}
    os.waitpid(pid, 0)
    return {"copy": False}


def _work(number: int) -> int:
    logging.getLogger("pool").info("part %d", number)
    print("printed", number, flush=True)
    return number * 2


@job("c.pool")
def pool() -> dict[str, Any]:
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(2) as workers:
        return {"sum": sum(workers.map(_work, range(10)))}


@job("c.threads")
def threads(ctx: JobContext) -> dict[str, Any]:
    def forever() -> None:
        while True:
            time.sleep(0.1)

    threading.Thread(target=forever).start()

    def say(number: int) -> None:
        for index in range(50):
            ctx.info("x" * (70_000 if index == 7 else 10), number=number, index=index)

    with ctx.step("busy"):
        several = [threading.Thread(target=say, args=(number,)) for number in range(4)]
        for one in several:
            one.start()
        for one in several:
            one.join()
    return {"others": len(threading.enumerate())}


@job("c.die")
def die(how: str) -> None:
    print("last words", flush=True)
    if how == "exit":
        os._exit(9)
    if how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
