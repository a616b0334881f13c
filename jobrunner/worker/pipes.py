"""The pipes that carry a job's output to its worker."""

from __future__ import annotations

import fcntl
import os

_BYTES = 256 * 1024


def pipe() -> tuple[int, int]:
    """Returns the ends to read from, without waiting, and to write to; it holds 256 KiB where the system allows."""
    reading, writing = os.pipe()
    try:
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _BYTES)
    except (AttributeError, OSError):
        pass  # the system's own size will do
    os.set_blocking(reading, False)
    return reading, writing
