"""Where a worker process stands: alone, with nothing of its starter's but environment, path and directory."""

from __future__ import annotations

import os
import signal

_MOST_DESCRIPTORS = 65_536


def leave() -> None:
    """Leaves the starter for good: a session of its own and nothing on any descriptor. Call after a fork."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    _clean()


def stay(parent: int | None) -> None:
    """Stays with ``parent``, who waits: its death counts as SIGTERM, output goes where the parent's goes."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    _clean()
    if parent is not None:
        from jobrunner import processes

        processes.die_with_parent(signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)


def _clean() -> None:
    _close_inherited()
    # An ignored SIGCHLD, inherited from a server, would hide how children end.
    for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN if number == signal.SIGPIPE else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _close_inherited() -> None:
    try:
        numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        os.closerange(3, min(os.sysconf("SC_OPEN_MAX"), _MOST_DESCRIPTORS))
        return
    for number in numbers:
        if number > 2:
            try:
                os.close(number)
            except OSError:
                continue
