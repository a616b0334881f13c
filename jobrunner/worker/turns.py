"""Who sweeps for this host: one of the pools of a user that share a store, so that a fleet does not ask a hundredfold.

It is a matter of economy, told by a small file beside the doorbells. Where that is not to be had everybody sweeps, which
does no harm.
"""

from __future__ import annotations

import os

from jobrunner import clock, doorbell, processes
from jobrunner.failpoints import failpoint

# older than this, the one whose turn it was is stopped, or hangs
STALE = 5.0


class Turn:
    """The turn to sweep of one process, for the store called ``where``."""

    def __init__(self, where: str) -> None:
        self._path = doorbell.place_beside(where, "sweeper")
        self._me = f"{os.getpid()} {processes.started(os.getpid())}"

    def is_mine(self) -> bool:
        """True when this process is to sweep now; it then keeps the turn by asking again within some seconds."""
        if self._path is None:
            return True
        if self._is_anothers():
            return False
        try:
            unfinished = f"{self._path}.{os.getpid()}"
            with open(unfinished, "w", encoding="ascii") as file:
                file.write(f"{self._me} {clock.since_boot()}")
            failpoint("rename.turn.before")
            os.replace(unfinished, self._path)
            failpoint("rename.turn.after")
        except OSError:
            self._path = None
        return True

    def end(self) -> None:
        """Leaves the turn to whoever wants it next, and no file behind."""
        if self._path is None or self._is_anothers():
            return
        try:
            os.unlink(self._path)
        except OSError:
            return

    def _is_anothers(self) -> bool:
        try:
            with open(str(self._path), encoding="ascii") as file:
                pid, started, at = file.read().split()
            if f"{pid} {started}" == self._me or not 0 <= clock.since_boot() - float(at) < STALE:
                return False
            return processes.is_alive(int(pid), int(started))
        except (OSError, ValueError):
            return False
