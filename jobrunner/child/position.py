"""How far this process's output had come when a frame was sent, so that its worker puts the two in order."""

from __future__ import annotations

import fcntl
import io
import struct
import termios
from typing import Any

from jobrunner import clock

_INTEGER = struct.Struct("i")
_PLACED = ("line", "step", "group")
_STREAMS = (1, 2)
_QUICK = 0.0001
_TRIES = 3
UNKNOWN = -1

# how many bytes this process has written to each stream by print, sys.stdout and sys.stderr
written = dict.fromkeys(_STREAMS, 0)


class Counted(io.FileIO):
    """Descriptor 1 or 2, counting what is written to it from Python."""

    def write(self, data: Any, /) -> Any:
        """Writes ``data`` and returns how many bytes of it were taken, None when it would have to wait."""
        taken = super().write(data)
        written[self.fileno()] += taken or 0
        return taken


def marked(frame: dict[str, Any]) -> dict[str, Any]:
    """Returns ``frame``, with its place among the output in ``out`` if that matters.

    ``out`` is a moment of the monotonic clock, which all processes share, how many bytes waited in the
    pipes of stdout and stderr then, whoever had written them (-1 for one that this process has closed), and
    how many bytes Python itself had written to each of them.
    """
    return {**frame, "out": _place()} if frame.get("kind") in _PLACED else frame


def _place() -> list[float]:
    place: list[float] = []
    for _ in range(_TRIES):
        began = clock.monotonic()
        place = [began, *(_waiting(number) for number in _STREAMS)]
        # Who was held up between the two looks cannot say that they belong together.
        if clock.monotonic() - began < _QUICK:
            break
    return place + list(written.values())


def _waiting(number: int) -> int:
    try:
        return int(_INTEGER.unpack(fcntl.ioctl(number, termios.FIONREAD, b"\0" * 4))[0])
    except OSError:
        return UNKNOWN
