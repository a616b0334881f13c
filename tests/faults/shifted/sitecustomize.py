"""Puts the wall clock of an interpreter wrong by JR_CLOCK_SHIFT seconds, where its first entry of PYTHONPATH is here.

The product takes the wall clock in one function; monotonic clocks go on as they are. (A library that
fakes the clock of a whole process, libfaketime, breaks the absolute sleeps of Python.)
"""

from __future__ import annotations

import os

from jobrunner import clock

_now, _shift = clock.now, float(os.environ.get("JR_CLOCK_SHIFT", "0"))


def wrong() -> str:
    return clock.shift(_now(), _shift)


clock.now = wrong
