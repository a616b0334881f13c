"""A worker for one job, from its order to its exit code."""

from __future__ import annotations

from typing import Any

from jobrunner.worker import nursery


def run(order: dict[str, Any]) -> int:
    """Claims and minds the job of ``order``; returns 0 when it succeeded or was cancelled, else 1.

    The child is forked first: it imports the handlers while this process imports its database driver
    and claims the job.
    """
    child = nursery.fork(order["modules"], order["settings"])
    from jobrunner.worker import shepherd

    return shepherd.mind(order, child)
