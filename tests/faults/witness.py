"""The second witness: what jobs did, appended to a file that no database knows of, one write for each record."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Note:
    """One record: ``what`` is start, step or end, ``number`` counts the steps, ``at`` is monotonic nanoseconds."""

    job: int
    attempt: int
    fence: int
    pid: int
    what: str
    number: int
    at: int


def note(path: str | Path, job: int, attempt: int, fence: int, what: str, number: int = 0) -> None:
    """Appends what the calling process does just now."""
    record = f"{job} {attempt} {fence} {os.getpid()} {what} {number} {time.monotonic_ns()}\n"
    handle = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o666)
    try:
        os.write(handle, record.encode("ascii"))
    finally:
        os.close(handle)


def read(path: str | Path) -> list[Note]:
    """Returns what stands in the file, in order; nothing when nobody has written yet."""
    if not os.path.exists(path):
        return []
    found = []
    for line in Path(path).read_text("ascii").splitlines():
        job, attempt, fence, pid, what, number, at = line.split()
        found.append(Note(int(job), int(attempt), int(fence), int(pid), what, int(number), int(at)))
    return found
