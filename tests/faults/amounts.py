"""How much is enough: little at each test run; in a soak that share of the release counts which JOBRUNNER_TEST_FAULTS is."""

from __future__ import annotations

import os

SHARE = float(os.environ.get("JOBRUNNER_TEST_FAULTS") or 0)
SOAK = SHARE > 0


def amount(smoke: int, soak: int) -> int:
    """Returns how often to do something in this run."""
    return max(smoke, round(soak * SHARE))


def step(smoke: int) -> int:
    """Returns at which calls something is done in this run: at every one in a soak, else at each ``smoke``-th."""
    return 1 if SOAK else smoke
