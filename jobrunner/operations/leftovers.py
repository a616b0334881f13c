"""Ends what a dead worker's job left running on this host, so that nothing is run again beside it."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

from jobrunner import clock, processes
from jobrunner.processes import Seen

PATIENCE = 5.0
_PAUSE = 0.02


def is_here(row: Mapping[str, Any]) -> bool:
    """True when the worker of a lost job ran on this host, in this boot and in this pid namespace."""
    here = (processes.host(), processes.boot_id(), processes.pid_namespace())
    return row["boot_id"] is not None and here == (row["host"], row["boot_id"], row["pid_namespace"])


def end_all(row: Mapping[str, Any], patience: float = PATIENCE) -> tuple[int, int]:
    """Kills the child of a lost job and everything that it started; returns how many were killed and how many are left.

    The child is known by its pid and start time, its descendants by their parents, and those that have left
    it by the mark of the attempt, which they inherit. Takes at most ``patience`` seconds.
    """
    killed: set[tuple[int, int]] = set()
    deadline = clock.monotonic() + patience
    while left := _found(row):
        for one in left:
            if processes.send_signal(one.pid, one.started, signal.SIGKILL):
                killed.add((one.pid, one.started))
        if clock.monotonic() >= deadline:
            return len(killed), len(left)
        clock.sleep(_PAUSE)
    return len(killed), 0


def _found(row: Mapping[str, Any]) -> list[Seen]:
    found = {one.pid: one for one in processes.marked(f"{row['uuid']}:{row['fence']}")}
    pid, started = row["child_pid"], row["child_started"]
    if pid is not None and started is not None and processes.is_alive(pid, started):
        child = processes.look(pid)
        found |= {one.pid: one for one in ([child] if child is not None else []) + processes.descendants(pid)}
    found.pop(os.getpid(), None)
    return list(found.values())
