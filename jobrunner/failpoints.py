"""Points at which a test breaks this process: before and after each commit, spawn, signal and rename.

An instrument of the tests, not of users: a point does nothing, and costs one comparison, unless the environment
had armed some when the process started (or a test does so itself, by ``arm``):

    JR_FAILPOINTS="commit.claims.claim.after=kill9, rename.cursor.before=raise:OSError@2"
    JR_FAILPOINTS_SEEN=DIRECTORY

A point acts when it is reached for the k-th time in its process (``@k``, the first by default), once among all
processes that share the directory. What acted is a file there, made before the act, so that it outlives a kill -9.

    kill9            the process is gone, as by ``kill -9``
    stop             it stands still, as by ``kill -STOP``
    sleep:SECONDS    it waits
    raise:CLASS      a built-in exception
    drop_ack         at a ``commit….after``: COMMIT was done, and its answer is lost
"""

from __future__ import annotations

import builtins
import os
import signal
import threading
from dataclasses import dataclass

from jobrunner import clock

ARMED, SEEN = "JR_FAILPOINTS", "JR_FAILPOINTS_SEEN"


class AckLost(Exception):
    """The answer to a COMMIT that was done is lost; the arguments are those of MySQL's error."""


@dataclass
class _Point:
    action: str
    argument: str
    hits_left: int


is_armed = False
_points: dict[str, _Point] = {}
_seen: str | None = None
_guard = threading.Lock()


def arm(text: str, seen: str | None) -> None:
    """Arms the points of ``text`` instead of those armed before, and keeps what happens in the directory ``seen``."""
    global is_armed, _seen
    made = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, told = entry.partition("=")
        told, _, count = told.partition("@")
        action, _, argument = told.partition(":")
        if action not in _ACTIONS:
            raise ValueError(f"{entry!r} names no action of a failpoint")
        made[name] = _Point(action, argument, int(count or 1))
    _points.clear()
    _points.update(made)
    _seen = seen
    is_armed = bool(_points) or seen is not None


def failpoint(name: str) -> None:
    """Does what is armed under ``name``: nothing, in the hands of users."""
    if is_armed:
        _reach(name)


def note(fact: str) -> None:
    """Keeps that something happened, where a test asked for it; ``fact`` is a file name."""
    if _seen is not None:
        _mark(fact)


def _reach(name: str) -> None:
    with _guard:
        point = _points.get(name)
        if point is None:
            return
        point.hits_left -= 1
        if point.hits_left != 0:
            return
    if _seen is not None and not _mark(f"fired {name}"):
        return  # another process was here first
    _ACTIONS[point.action](point.argument)


def _mark(fact: str) -> bool:
    try:
        os.close(os.open(os.path.join(_seen or "", fact), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError:
        return False
    return True


def _raise(name: str) -> None:
    raise getattr(builtins, name)("raised by a failpoint")


def _drop_ack(_: str) -> None:
    raise AckLost(2013, "Lost connection to the server: the answer to COMMIT was dropped by a failpoint")


_ACTIONS = {
    "kill9": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "stop": lambda _: os.kill(os.getpid(), signal.SIGSTOP),
    "sleep": lambda seconds: clock.sleep(float(seconds)),
    "raise": _raise,
    "drop_ack": _drop_ack,
}

if ARMED in os.environ or SEEN in os.environ:
    arm(os.environ.get(ARMED, ""), os.environ.get(SEEN))
