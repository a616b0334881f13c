"""How times, durations, sizes and counts are said on pages."""

from __future__ import annotations

import shlex

from jobrunner import clock, durations

# from how many seconds on a unit is told: from where the one below it would be rounded up to it
_STEPS = ((84600.0, 86400, "d"), (3570.0, 3600, "h"), (59.5, 60, "min"), (0.0, 1, "s"))
_SIZES = ("B", "kB", "MB", "GB", "TB")


def now() -> str:
    """Returns this host's moment as canonical text."""
    return clock.now()


def utc(moment: str) -> str:
    """Returns a moment as people read it, in UTC: ``2026-11-22 03:04:05.678 UTC``."""
    return f"{moment[:10]} {moment[11:23]} UTC"


def age(moment: str) -> float:
    """Returns the seconds since a moment; negative for one to come."""
    return clock.between(moment, clock.now())


def ago(moment: str) -> str:
    """Returns ``3 min ago`` or ``in 2 h``, in one unit, rounded to the nearest."""
    seconds = age(moment)
    amount = abs(seconds)
    if amount < 1:
        return "now"
    told = next(f"{round(amount / size)} {unit}" for low, size, unit in _STEPS if amount >= low)
    return f"{told} ago" if seconds > 0 else f"in {told}"


def duration(seconds: float | None) -> str:
    """Returns a duration as people read it; a dash for none."""
    return "–" if seconds is None else durations.text(seconds)


def number(value: float | None) -> str:
    """Returns a number with thousands set apart by commas."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def counted(value: int, most: int) -> str:
    """Returns a count that stopped at ``most``: ``10,000+``."""
    return f"{most:,}+" if value >= most else f"{value:,}"


def size(value: int | None) -> str:
    """Returns a number of bytes in a unit of its size."""
    if value is None:
        return "–"
    amount, unit = float(value), 0
    while amount >= 1000 and unit < len(_SIZES) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {_SIZES[unit]}" if unit == 0 or amount >= 100 else f"{amount:.1f} {_SIZES[unit]}"


def shell(text: str) -> str:
    """Returns text as one word of a command line."""
    return shlex.quote(text)
