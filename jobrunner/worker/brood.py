"""The processes of one job of a pool: its child is the nursery's, which tells how it ended."""

from __future__ import annotations

import signal

from jobrunner import clock, processes
from jobrunner.worker.death import Error, Exit
from jobrunner.worker.nursery import Child
from jobrunner.worker.tree import signal_all

_SURELY_DEAD = 1.0
_COUNT_FOR = 1.0


class Kills:
    """How often the kernel has killed for want of memory; counted at most once a second."""

    def __init__(self) -> None:
        self._count = processes.out_of_memory_kills()
        self._counted_at = clock.monotonic()

    def now(self, *, fresh: bool = False) -> int | None:
        """Returns the count, at most a second old, or ``fresh``."""
        if fresh or clock.monotonic() - self._counted_at > _COUNT_FOR:
            self._count, self._counted_at = processes.out_of_memory_kills(), clock.monotonic()
        return self._count


class Brood:
    """A child of the nursery with everything it started, which is known by its mark or its parents.

    Looking for them costs a walk through /proc, so that is not done when the nursery has seen that nothing is left.
    """

    def __init__(self, child: Child, mark: str, kills: Kills) -> None:
        self.exit: Exit | None = None
        self.loss: Error | None = None
        self._child, self._mark, self._kills = child, mark, kills
        self._kills_before = kills.now()
        self._may_have_left = True
        self._lost_at: float | None = None

    def ended(self, end: Exit, *, orphans: bool) -> None:
        """Takes the nursery's word for how the child has ended, and whether processes were left behind."""
        self.exit, self._may_have_left = end, orphans

    def lose(self) -> None:
        """Says that the nursery is gone, and that the child, which dies with it, ends unseen."""
        if self.exit is None:
            self._lost_at = clock.monotonic()
            self.loss = Error(
                "NurseryLost",
                "worker_lost",
                "The pool's nursery has died, and the process of the handler with it.",
            )

    @property
    def is_lost(self) -> bool:
        """True from the nursery's death until the child is known to be dead."""
        return self._lost_at is not None and self.exit is None

    def members(self) -> list[processes.Seen]:
        """Returns the processes that run now."""
        if not self._may_have_left:
            return []
        found = {seen.pid: seen for seen in processes.marked(self._mark)}
        roots = list(found)
        if self.exit is None:
            own = processes.look(self._child.pid)
            if own is not None and own.started == self._child.started:
                found[own.pid] = own
                roots.append(own.pid)
        for root in roots:
            found |= {seen.pid: seen for seen in processes.descendants(root)}
        living = [seen for seen in found.values() if seen.state not in ("Z", "X")]
        self._may_have_left = self.exit is None or bool(living)
        return living

    def signal(self, number: signal.Signals) -> int:
        """Signals every process; returns how many. What is stopped is continued, so that it can heed SIGTERM."""
        return signal_all(self.members(), number)

    def reap(self) -> bool:
        """True when the child has ended."""
        if self.is_lost and self._lost_at is not None:
            if not processes.is_alive(self._child.pid, self._child.started):
                self.exit = Exit(None, None)
            elif clock.monotonic() > self._lost_at + _SURELY_DEAD:
                processes.send_signal(self._child.pid, self._child.started, signal.SIGKILL)
        return self.exit is not None

    def memory_ran_out(self) -> bool:
        """True when the kernel has killed somebody for want of memory since the job began."""
        now = self._kills.now(fresh=True)
        return self._kills_before is not None and now is not None and now > self._kills_before
