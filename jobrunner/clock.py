"""Time is asked for here and nowhere else.

Inside the program a moment is text: UTC, ISO 8601, six digits and ``Z``
(``2026-11-21T23:25:01.123456Z``). It sorts, compares and hashes the same on every database.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


def now() -> str:
    """Returns this host's wall clock as canonical text."""
    return utc_text(datetime.now(UTC))


def monotonic() -> float:
    """Returns seconds that never go back; only differences mean anything."""
    return time.monotonic()


def since_boot() -> float:
    """Returns seconds since the host started, those asleep included; only differences mean anything."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def sleep(seconds: float) -> None:
    """Waits for ``seconds``; a negative wait returns at once."""
    time.sleep(max(0.0, seconds))  # whoever waits, waits by this


def utc_text(moment: datetime | str) -> str:
    """Returns canonical text for what a driver or a caller gave; a naive moment is taken as UTC."""
    if isinstance(moment, str):
        if len(moment) == 26:
            return moment.replace(" ", "T") + "Z"
        moment = datetime.fromisoformat(moment)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def db_text(canonical: str) -> str:
    """Returns the form that SQLite stores and that the servers read as a UTC timestamp."""
    return canonical[:10] + " " + canonical[11:26]


def parse(canonical: str) -> datetime:
    """Returns an aware UTC datetime for canonical text."""
    return datetime.fromisoformat(canonical)


def shift(canonical: str, seconds: float) -> str:
    """Returns the moment ``seconds`` later (earlier when negative)."""
    return utc_text(parse(canonical) + timedelta(seconds=seconds))


def between(earlier: str, later: str) -> float:
    """Returns the seconds from ``earlier`` to ``later``."""
    return (parse(later) - parse(earlier)).total_seconds()
