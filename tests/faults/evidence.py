"""What the checker is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.faults.dump import Dump
from tests.faults.history import Event
from tests.faults.witness import Note

Found = Iterator[tuple[Any, ...]]
"""Violations: a message, and the rows that show it."""


@dataclass
class Evidence:
    """Three witnesses and what was seen of processes and files.

    ``settled`` says that everything had the time to come to an end. ``alive`` are processes of attempts that
    have ended, ``sizes`` are (what, size, bound). ``overlap`` is how long, in seconds, an older attempt
    may go on beside a newer one; on one host not at all.
    """

    dump: Dump
    events: list[Event] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    alive: list[tuple[int, int, int]] = field(default_factory=list)
    sizes: list[tuple[str, int, int]] = field(default_factory=list)
    settled: bool = True
    overlap: float = 0.0
