"""Jobs that say a secret in every way there is, after they have declared it."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from urllib.parse import quote

from jobrunner import JobContext, job

SECRET = 'open"sésame\\42/+='
KEY = "-----BEGIN KEY-----\nMIIBOgIBAAJBAKj34Gk\nxFq/9+z8ab\n=\n-----END KEY-----"


class Refused(Exception):
    """Holds what was refused."""


@job("s.tells")
def tells(ctx: JobContext, end: str = "returns", whole: bool = True) -> dict[str, object]:
    """Says the secret by every way; ``whole`` is false in a process that is not the job's own."""
    ctx.mask(SECRET)
    ctx.mask(KEY)
    for stream in (sys.stdout, sys.stderr):
        print(f"printed {SECRET}", file=stream)
        print(KEY, repr(SECRET), json.dumps({SECRET: SECRET}), quote(SECRET), file=stream)
    if whole:
        _in_own_process()
    logging.getLogger("shop").warning("logged %s", SECRET, extra={"header": SECRET})
    logging.getLogger(SECRET).info("logged by it")
    ctx.info(f"said {SECRET}", header=SECRET, all=[{SECRET: [SECRET]}], key=KEY)
    ctx.respond(KEY)
    with ctx.step(SECRET, f"Label {SECRET}", index=1, total=1):
        ctx.progress(50, f"with {SECRET}")
    if end == "raises":
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise Refused(f"refused {SECRET}\n{KEY}") from error
    if end == "dies":
        os.write(2, f"last words {SECRET}".encode())
        os.kill(os.getpid(), signal.SIGKILL)
    return {"header": SECRET, SECRET: [KEY, 1]}


def _in_own_process() -> None:
    warnings.warn(SECRET, stacklevel=1)
    written = f"written {SECRET}\n".encode()
    os.write(1, written[:15])
    os.write(1, written[15:])
    subprocess.run(["cat"], input=f"by a program {SECRET}\n".encode(), check=True)
    thread = threading.Thread(target=print, args=(f"by a thread {SECRET}",))
    thread.start()
    thread.join()
    forked = os.fork()
    if forked == 0:
        print(f"by a fork {SECRET}", flush=True)
        os._exit(0)
    os.waitpid(forked, 0)


@job("s.at_once")
def at_once(ctx: JobContext, count: int) -> None:
    """Declares one secret after the other, here and in forks, and writes each at once, among lines by the context."""
    for number in range(count):
        ctx.info("line")
        if number % 4 == 3:
            forked = os.fork()
            if forked == 0:
                _declare_and_write(ctx, number)
                os._exit(0)
            os.waitpid(forked, 0)
        else:
            _declare_and_write(ctx, number)


def _declare_and_write(ctx: JobContext, number: int) -> None:
    secret = f"sesame-{number:04}"
    ctx.mask(secret)
    os.write(1 + number % 2, f"{number} is {secret}\n".encode())


@job("s.names")
def names(ctx: JobContext, shop: str = "") -> dict[str, object]:
    """Says values under names; it declares nothing."""
    ctx.info("called", api_key="sesame1", url="shop.example", headers={"X-Token": ["sesame2"]})
    logging.getLogger("shop").info("called", extra={"API_KEY": "sesame3"})
    ctx.info("large", api_key="sesame4", rest="x" * 300_000)
    return {"api_key": {"value": "sesame5"}, "items": [{"accesstoken": "sesame6", "id": 7}]}
