"""The feed of the whole store: one word to every list and overview that something changed, found out once for all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from jobrunner import clock
from jobrunner.store import streaming
from jobrunner.store.database import Database
from jobrunner.web.watch import Bell, Read, message

EVERY = 1.0
# counts stop here, so that a feed costs the same at a million jobs
MOST = 10_000


class Feed:
    """What all readers of the whole store share; ``event`` is the latest change event."""

    def __init__(self, database: Callable[[], Database], read: Read[Any]) -> None:
        self.readers = 0
        self.bell = Bell()
        self.event = b""
        self._database, self._read = database, read
        self._due = 0.0
        self._seen: tuple[str, str] | None = None

    @property
    def is_due(self) -> bool:
        """True when somebody reads and the last look is a second old."""
        return self.readers > 0 and clock.monotonic() >= self._due

    async def refresh(self) -> None:
        """Looks at the store, and wakes the readers when something changed; raises StoreError."""
        self._due = clock.monotonic() + EVERY
        marks: streaming.Marks = await self._read(lambda: streaming.marks(self._database(), MOST))
        seen = _digest(marks.counts, marks.places), _digest(marks.courses)
        if seen == self._seen:
            return
        self._seen = seen
        version, progress = seen
        self.event = message(
            "change",
            {
                "version": version, "progress": progress, "counts": marks.counts, "most": MOST,
                "workers": marks.workers, "at": clock.now(),
            },
        )  # fmt: skip
        self.bell.ring()


def _digest(*values: object) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]
