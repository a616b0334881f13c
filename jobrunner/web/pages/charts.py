"""Charts as shapes on a field of 1,000 by 100: a template draws them, and the same numbers as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jobrunner.web import words
from jobrunner.web.pages.ends import Bucket

WIDTH, HEIGHT = 1000.0, 100.0
GOOD, BAD = ("succeeded",), ("failed",)
_STRETCHES = (2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21600, 43200, 86400)


@dataclass(frozen=True)
class Rect:
    """A bar, or a part of one."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True)
class Chart:
    """Bars, how high the field is in its own unit, and the moments at its left and right edges."""

    bars: tuple[Rect, ...]
    top: float
    begin: str
    end: str
    buckets: tuple[Bucket, ...]

    @property
    def whole(self) -> bool:
        """True when every bucket was counted."""
        return all(bucket.known for bucket in self.buckets)


def throughput(buckets: Sequence[Bucket]) -> Chart:
    """Returns how many jobs ended in each bucket: succeeded, failed, ended otherwise."""
    top = nice(max((bucket.total for bucket in buckets), default=0))
    bars: list[Rect] = []
    step = WIDTH / max(1, len(buckets))
    for place, bucket in enumerate(buckets):
        if not bucket.known:
            bars.append(Rect(round(place * step, 2), 0, round(step, 2), HEIGHT, "unknown", "being counted"))
            continue
        foot = HEIGHT
        for kind, count in parts(bucket).items():
            if count:
                height = max(count / top * HEIGHT, 1.5)
                foot -= height
                title = f"{bucket.begin[11:16]} UTC: {count:,} {kind}"
                bars.append(_rect(place, step, foot, height, kind, title))
    return _chart(bars, top, buckets)


def durations(buckets: Sequence[Bucket]) -> Chart:
    """Returns the median duration of each bucket's jobs, and on top of it the 95th percentile."""
    top = nice_time(max((bucket.quantile(0.95) or 0.0 for bucket in buckets), default=0.0))
    bars: list[Rect] = []
    step = WIDTH / max(1, len(buckets))
    for place, bucket in enumerate(buckets):
        half, most = bucket.quantile(0.5), bucket.quantile(0.95)
        if half is None or most is None:
            continue
        high = max(most / top * HEIGHT, 1.5)
        low = max(half / top * HEIGHT, 1.5)
        bars.append(
            _rect(
                place,
                step,
                HEIGHT - high,
                high,
                "p95",
                f"{bucket.begin[11:16]} UTC: 95 % within {words.duration(most)}",
            )
        )
        bars.append(
            _rect(
                place,
                step,
                HEIGHT - low,
                low,
                "p50",
                f"{bucket.begin[11:16]} UTC: half within {words.duration(half)}",
            )
        )
    return _chart(bars, top, buckets)


def parts(bucket: Bucket) -> dict[str, int]:
    """Returns a bucket's ends in the three kinds that are drawn."""
    good = sum(bucket.by_status.get(status, 0) for status in GOOD)
    bad = sum(bucket.by_status.get(status, 0) for status in BAD)
    return {"succeeded": good, "failed": bad, "otherwise": bucket.total - good - bad}


def nice(value: float) -> float:
    """Returns the next round number from ``value`` up: 1, 2 or 5 times a power of ten."""
    if value <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * 0.999999)


def nice_time(seconds: float) -> float:
    """Returns the next round stretch of time from ``seconds`` up."""
    if seconds <= 1:
        return next(stretch for stretch in (0.01, 0.1, 0.2, 0.5, 1.0) if stretch >= seconds)
    return next((stretch for stretch in _STRETCHES if stretch >= seconds), nice(seconds / 86400) * 86400)


def _rect(place: int, step: float, y: float, height: float, kind: str, title: str) -> Rect:
    gap = step * 0.15
    return Rect(
        round(place * step + gap / 2, 2), round(y, 2), round(step - gap, 2), round(height, 2), kind, title
    )


def _chart(bars: Sequence[Rect], top: float, buckets: Sequence[Bucket]) -> Chart:
    begin, end = (buckets[0].begin, buckets[-1].end) if buckets else ("", "")
    return Chart(tuple(bars), top, begin, end, tuple(buckets))
