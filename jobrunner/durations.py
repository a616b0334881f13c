"""Durations and moments as people write them, and the wait between attempts."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime

from jobrunner import clock
from jobrunner.errors import InvalidTime

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", re.ASCII)
LONGEST = 100 * 365 * 86400.0


def seconds(value: str | float, field: str = "duration") -> float:
    """Returns the seconds that ``value`` means: a number, or text like ``90s``, ``1h30m``, ``2.5``.

    Raises InvalidTime, naming ``field``, for anything else, for negative values and for more than
    a hundred years.
    """
    number = _number(value)
    if number is None or not math.isfinite(number) or not 0 <= number <= LONGEST:
        reason = "is not a duration such as 90, 90s, 15m, 2h or 1d"
        raise InvalidTime(f"{field} {value!r} {reason}.", fields={field: reason})
    return number


def text(seconds: float) -> str:
    """Returns a duration in at most two units: ``240 ms``, ``12.3 s``, ``4 min 05 s``, ``2 h 03 min``."""
    seconds = max(0.0, seconds)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def moment(field: str, value: str | datetime) -> str:
    """Returns canonical text for a moment with a zone; raises InvalidTime naming ``field`` for anything else."""
    reason = "is not a time with a zone such as 2026-11-21T23:00:00Z or 2026-11-21T23:00:00+01:00"
    try:
        when = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
        if when.tzinfo is None:
            raise ValueError
        found = clock.utc_text(when)
    except (AttributeError, ValueError, OverflowError) as error:
        raise InvalidTime(f"{field} {reason}.", fields={field: reason}) from error
    if not "1000" <= found[:4] <= "9998":
        raise InvalidTime(f"{field} is out of range.", fields={field: "is out of range"})
    return found


def ago(field: str, value: str | None) -> str | None:
    """Returns the moment that is meant: so long ago, or ISO 8601 with a zone; raises InvalidTime naming ``field``."""
    if value is None:
        return None
    try:
        return clock.shift(clock.now(), -seconds(value, field))
    except (InvalidTime, OverflowError):
        pass
    try:
        return moment(field, value)
    except InvalidTime:
        reason = "is neither so long ago (10m, 2h) nor a time with a zone (2026-11-21T23:00:00Z)"
        raise InvalidTime(f"{field} {value!r} {reason}.", fields={field: reason}) from None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if not isinstance(value, str):
        return float(value) if abs(value) <= LONGEST else None
    text = value.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


@dataclass(frozen=True)
class Backoff:
    """The wait before attempt n + 1: ``base * factor ** (n - 1)`` seconds, at most ``cap``.

    Up to ``jitter`` (a share, 0 to 1) of the wait is taken off at random, so that jobs which failed
    together do not come back together.
    """

    base: float
    factor: float = 2.0
    cap: float = 300.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidTime(
                    f"Backoff {name} {value!r} is not a number.",
                    hint="Give plain numbers; base and cap are in seconds.",
                    fields={name: "is not a number"},
                )
        if not (0 <= self.base <= LONGEST and 1 <= self.factor <= 100 and 0 <= self.cap <= LONGEST):
            raise InvalidTime("Backoff wants 0 <= base, 1 <= factor <= 100 and 0 <= cap, in seconds.")
        if not 0 <= self.jitter <= 1:
            raise InvalidTime("Backoff wants 0 <= jitter <= 1, a share of the wait.")

    def wait(self, failures: int, chance: float) -> float:
        """Returns the seconds to wait after ``failures`` failures (≥ 1); ``chance`` is 0 to 1."""
        steps = min(max(failures, 1) - 1, 1024)
        grown = (
            self.cap
            if self.factor > 1 and steps * math.log(self.factor) > 40
            else self.base * self.factor**steps
        )
        return min(self.cap, grown) * (1 - self.jitter * chance)
