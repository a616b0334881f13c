"""How an audit tells where it looked."""

from __future__ import annotations

from typing import NamedTuple

# of one job; a log that was emptied by half says no more with a million
MOST = 100


class Point(NamedTuple):
    """Where a job stood when a head was printed."""

    job_id: int
    last_seq: int
    digest: str
    log_digest: str


def span(low: int, high: int) -> str:
    """Returns ``seq 4`` or ``seq 4 to 9``."""
    return f"seq {low}" if low == high else f"seq {low} to {high}"
