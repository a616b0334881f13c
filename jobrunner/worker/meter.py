"""What a worker uses: its own process, and all that runs for it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from jobrunner import clock, processes
from jobrunner.processes import Seen
from jobrunner.store.workers import NOT_KNOWN, Load

_TICKS = os.sysconf("SC_CLK_TCK")


class Meter:
    """Reads what this process and its descendants use, at a cost of some files for each of them."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def read(self) -> Load:
        """Returns the memory now and the CPU since the last reading, at the first since the process began.

        Descendants that have ended and were waited for count in the CPU; a worker that was launched apart does not.
        """
        me = processes.look(os.getpid())
        if me is None:
            return NOT_KNOWN
        family = [me, *_below(me.pid, processes.variable(me.pid, processes.WORKER))]
        now, used = clock.since_boot(), sum(one.cpu for one in family)
        then, before = self._last or (me.started / _TICKS, 0.0)
        self._last = now, used
        share = max(0.0, used - before) / (now - then) if now > then else None
        return Load(sum(one.memory for one in family), None if share is None else round(100 * share, 1))


def _below(pid: int, own: bytes | None) -> Iterator[Seen]:
    """Yields the descendants of a process, less the workers that were launched apart, and theirs."""
    for child in _children(pid):
        seen = processes.look(child)
        if seen is not None and processes.variable(child, processes.WORKER) in (None, own):
            yield seen
            yield from _below(child, own)


def _children(pid: int) -> list[int]:
    # by parent, since a look at every process of the machine would cost each worker as much as there are others
    tasks = f"{processes.PROC}/{pid}/task"
    try:
        threads = os.listdir(tasks)
    except OSError:
        return []
    return [int(child) for one in threads for child in processes.read(f"{tasks}/{one}/children").split()]
