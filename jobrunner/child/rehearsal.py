"""A job that does nothing, gone through before the first fork.

Python fills caches and rewrites code when that first runs. What a fork has to do anew it does for one job only, and
each page that it touches is copied for that; what was done before is shared by all.
"""

from __future__ import annotations

from jobrunner import jsontext
from jobrunner.child import capture, frames
from jobrunner.child.context import JobContext
from jobrunner.child.main import Child
from jobrunner.handlers import registry
from jobrunner.handlers.decorator import job

# after that many calls Python has made of its code what it will be
TIMES = 16
_TYPE = "jobrunner.rehearsal"


def rehearse() -> list[str]:
    """Runs a job of its own some times, and returns how each has ended; no handler is called and nothing is left.

    Does nothing in a process that has no handlers.
    """
    if not registry.all_types():
        return []
    job(_TYPE)(_nothing)
    try:
        return [_once() for _ in range(TIMES)]
    finally:
        registry.discard_module(__name__)


def _nothing(ctx: JobContext, number: int, text: str = "") -> dict[str, int]:
    ctx.info("nothing")
    return {"number": number}


def _once() -> str:
    ours, its = frames.pair()
    pool, child = frames.Channel(ours), Child()
    order = {
        "id": 0, "uuid": "", "type": _TYPE, "attempt": 0, "fence": 0, "params": jsontext.dumps({"number": 1}),
        "result_max_bytes": 1024,
    }  # fmt: skip
    try:
        pool.send({"kind": "run", "job": order})
        child.open(its)
        frame = child.channel.recv()
        assert frame is not None
        done = child.carry_out(frame["job"], ())
        capture.flush_streams()
        child.channel.send(done)
        return str(done["outcome"])
    finally:
        child.channel.close()
        pool.close()
