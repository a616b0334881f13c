"""The child of a job: forked before this process knows of any database, and all that connects the two."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobrunner import processes
from jobrunner.child import frames
from jobrunner.failpoints import failpoint
from jobrunner.worker.pipes import pipe

_OOM_SCORE = 200


@dataclass(frozen=True)
class Child:
    """A running child: its process, its control channel, and the reading ends of its output."""

    pid: int
    started: int | None
    channel: frames.Channel
    stdout: int
    stderr: int


def fork(modules: Sequence[str], settings: dict[str, Any]) -> Child:
    """Forks the child, which imports ``modules`` at once and then waits for its job.

    This process becomes the parent of every orphan in the job's tree, and the child dies with it.
    ``settings`` (an order's) are what ``JobRunner()`` finds in a handler.
    """
    processes.adopt_orphans()
    ours, its = frames.pair()
    outputs = (pipe(), pipe())
    parent = os.getpid()
    # What exists now is never collected, so the pages stay shared by the two processes.
    gc.freeze()
    failpoint("spawn.child.before")
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            _become_child(parent, [writing for _, writing in outputs])
            for reading, writing in outputs:
                os.close(reading)
                os.close(writing)
            _inherit(settings)
            from jobrunner.child import main

            main.serve(its, modules)
        finally:
            os._exit(70)
    failpoint("spawn.child.after")
    its.close()
    for _, writing in outputs:
        os.close(writing)
    return Child(pid, processes.started(pid), frames.Channel(ours), outputs[0][0], outputs[1][0])


def _become_child(parent: int, outputs: Sequence[int]) -> None:
    processes.die_with_parent()
    if os.getppid() != parent:
        os._exit(70)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((nothing, *outputs)):
        os.dup2(descriptor, number)
    os.close(nothing)
    try:
        # When memory runs out it is the job that goes, so that somebody is left to say why.
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write(str(_OOM_SCORE))
    except OSError:
        pass


def _inherit(order_settings: dict[str, Any]) -> None:
    from jobrunner import settings

    scheme, mark, path = order_settings.get("database_url", "").partition(":///")
    if scheme.startswith("sqlite") and mark and not path.startswith("/"):
        # A handler may change its directory; the store stays where it is.
        order_settings = {**order_settings, "database_url": f"{scheme}:///{os.path.abspath(path)}"}
    settings.inherited = settings.Settings.from_order(order_settings)
    sys.argv[:] = [""]
