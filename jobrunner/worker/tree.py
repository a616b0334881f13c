"""All processes of a job: whatever descends from this worker, which adopts the orphans."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from typing import Protocol

from jobrunner import processes
from jobrunner.worker.death import Error, Exit
from jobrunner.worker.nursery import Child

_STOPPED = ("T", "t")


class Family(Protocol):
    """The processes of one job: ``exit`` is how its child ended, ``loss`` what to say when nobody saw that."""

    exit: Exit | None
    loss: Error | None

    def members(self) -> list[processes.Seen]:
        """Returns the processes that run now."""

    def signal(self, number: signal.Signals) -> int:
        """Signals every process; returns how many."""

    def reap(self) -> bool:
        """True when the child has ended."""

    def memory_ran_out(self) -> bool:
        """True when the kernel has killed somebody for want of memory since the job began."""


class Tree:
    """The child of one job with everything it started, also what called setsid or lost its parent.

    ``exit`` is how the child itself ended, None while it runs.
    """

    def __init__(self, child: Child) -> None:
        self.exit: Exit | None = None
        self.loss: Error | None = None
        self._child = child
        self._kills = processes.out_of_memory_kills()

    def members(self) -> list[processes.Seen]:
        """Returns the processes that run now."""
        return processes.descendants(os.getpid())

    def signal(self, number: signal.Signals) -> int:
        """Signals every process; returns how many. What is stopped is continued, so that it can heed SIGTERM."""
        members = self.members()
        if not members and self.exit is None:
            return int(processes.send_signal(self._child.pid, self._child.started, number))
        return signal_all(members, number)

    def memory_ran_out(self) -> bool:
        """True when the kernel has killed somebody for want of memory since the child was forked."""
        now = processes.out_of_memory_kills()
        return self._kills is not None and now is not None and now > self._kills

    def reap(self) -> bool:
        """Takes leave of every process that has ended; True when the child was among them."""
        found = False
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                # Nobody is left; a child that ended unseen has no known end.
                lost = self.exit is None
                self.exit = self.exit or Exit(None, None)
                return found or lost
            if pid == 0:
                return found
            if pid == self._child.pid:
                self.exit = Exit.of(status, round(used.ru_utime + used.ru_stime, 6), used.ru_maxrss * 1024)
                found = True


def signal_all(members: Iterable[processes.Seen], number: signal.Signals) -> int:
    """Signals these processes; returns how many were there. What is stopped is continued, so that it can heed SIGTERM."""
    count = 0
    for one in members:
        count += processes.send_signal(one.pid, one.started, number)
        if number != signal.SIGKILL and one.state in _STOPPED:
            processes.send_signal(one.pid, one.started, signal.SIGCONT)
    return count
