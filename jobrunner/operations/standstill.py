"""Ends a worker that stands still with the write lock of a SQLite file in its hands.

A server ends a session that sits in a transaction; a file waits for ever for a process that somebody has stopped, and
with it every worker and every reaper. Nothing is lost by its end: it has been silent for a whole lease, so it is held
dead anyway, and its job is decided on by the same rules as that of any other lost worker.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

from jobrunner import processes
from jobrunner.store.database import Database
from jobrunner.store.workers import Suspect

STOPPED = "T"
_PATIENCE = 5.0


def end(database: Database, silent: Iterable[Suspect]) -> dict[str, str]:
    """Kills those of ``silent`` workers that are stopped and may hold the file; returns what became of each, by its id.

    Call when the file cannot be written. Only a process of this host, boot and pid namespace with the very pid and
    start time of the worker's row is ended, and none that the system knows not to hold the lock.
    """
    if database.path is None:
        return {}
    ended = {}
    for one in silent:
        if _stands_still(one) and _may_hold(one.pid, database.path) and _kill(one):
            ended[one.id] = (
                f"It stood still (stopped, not heard of since {one.heartbeat_at}) while the database file was locked,"
                " and was ended by SIGKILL so that others could write."
            )
    return ended


def _stands_still(one: Suspect) -> bool:
    runs = processes.life(one.host, one.boot_id, one.pid_namespace, one.pid, one.process_started)
    seen = processes.look(one.pid) if runs else None
    return seen is not None and seen.state == STOPPED and seen.started == one.process_started


def _kill(one: Suspect) -> bool:
    signalled = processes.send_signal(one.pid, one.process_started, signal.SIGKILL)
    return signalled and processes.wait_gone(one.pid, one.process_started, _PATIENCE)


def _may_hold(pid: int, path: str) -> bool:
    """False when the system's table of file locks shows that it is somebody else who writes to ``path``."""
    holders = _writers(path)
    return not holders or pid in holders


def _writers(path: str) -> set[int]:
    """Returns the processes that hold a lock for writing on a SQLite file or its shared memory, as far as it is told.

    The file is not opened for this: to close it again would drop this process's own locks on it.
    """
    inodes = set()
    for name in (path, f"{path}-shm"):
        try:
            inodes.add(str(os.stat(name).st_ino))
        except OSError:
            continue
    found = set()
    for line in processes.file_locks():
        # 7: POSIX  ADVISORY  WRITE 4711 fe:00:1466553 120 120
        fields = line.split()
        if fields[1:2] + fields[3:4] == ["POSIX", "WRITE"] and fields[5].rpartition(":")[2] in inodes:
            found.add(int(fields[4]))
    return found
