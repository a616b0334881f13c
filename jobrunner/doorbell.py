"""A local hint that there is work: whoever starts a job rings, and the pools of this host and user listen.

A bell is a Unix datagram socket per pool, in a directory that only this user can enter. Nothing depends on it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
import tempfile
from functools import lru_cache

_DING = b"\0"
_GONE = (errno.ECONNREFUSED, errno.ENOENT)


class Doorbell:
    """A pool's end of the bell for the store called ``where``; nobody can ring it when it could not be hung up."""

    def __init__(self, where: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._path: str | None = None
        directory = _directory(make=True)
        if directory is None:
            return
        path = os.path.join(directory, f"{_name(where)}.{os.getpid()}")
        try:
            _take_down_dead(directory)
            if os.path.lexists(path):
                os.unlink(path)
            self._socket.bind(path)
            self._path = path
        except OSError:
            return

    def fileno(self) -> int:
        """Returns the descriptor that becomes readable when somebody rings."""
        return self._socket.fileno()

    def hush(self) -> None:
        """Forgets all rings until now."""
        try:
            while self._socket.recv(16):
                pass
        except OSError:
            return

    def close(self) -> None:
        """Takes the bell down."""
        self._socket.close()
        if self._path is not None:
            try:
                os.unlink(self._path)
            except OSError:
                return


def ring(where: str) -> None:
    """Rings every bell of the store called ``where``, without waiting; never raises. Bells of dead pools are removed."""
    directory = _directory(make=False)
    if directory is None:
        return
    try:
        mine = f"{_name(where)}."
        bells = [name for name in os.listdir(directory) if name.startswith(mine)]
        if not bells:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as ringing:
            for name in bells:
                _ring_one(ringing, os.path.join(directory, name))
    except OSError:
        return


def place_beside(where: str, name: str) -> str | None:
    """Returns a path for another file of the store called ``where`` in the directory of the bells; None without one.

    It has no dot in it: what has one is a bell.
    """
    directory = _directory(make=True)
    return None if directory is None else os.path.join(directory, f"{name}-{_name(where)}")


def _ring_one(ringing: socket.socket, path: str) -> None:
    try:
        ringing.sendto(_DING, path)
    except OSError as error:
        if error.errno in _GONE:
            os.unlink(path)


def _take_down_dead(directory: str) -> None:
    """Removes the bells of pools that were killed, whatever their store."""
    for name in [one for one in os.listdir(directory) if "." in one]:
        path = os.path.join(directory, name)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as asking:
                asking.connect(path)
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:
                os.unlink(path)


@lru_cache(maxsize=16)
def _name(where: str) -> str:
    return hashlib.sha256(where.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _directory(*, make: bool) -> str | None:
    """Returns the directory of the bells; None where it is missing or somebody else could meddle with it."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    usable = base is not None and os.path.isdir(base)
    path = os.path.join(
        str(base) if usable else tempfile.gettempdir(), "jobrunner" if usable else f"jobrunner-{os.getuid()}"
    )
    try:
        if make and not os.path.isdir(path):
            os.mkdir(path, 0o700)
        seen = os.lstat(path)
    except OSError:
        return None
    private = stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.getuid() and not seen.st_mode & 0o077
    return path if private else None
