"""Charts as paths on a field of 1,000 by 100: a template draws them, and the same numbers as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jobrunner.web import words
from jobrunner.web.pages.ends import Bucket

WIDTH, HEIGHT = 1000.0, 100.0
# of a column, how much is left free; and the height of the smallest bar
GAP, LEAST = 0.15, 1.5
GOOD, BAD = ("succeeded",), ("failed",)
_STRETCHES = (2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21600, 43200, 86400)


@dataclass(frozen=True)
class Column:
    """One bucket's place in the field, and its numbers in words."""

    x: float
    title: str


@dataclass(frozen=True)
class Chart:
    """What is drawn, the lowest layer first: pairs of a kind and the path of its bars.

    ``step`` is how wide a column is, ``top`` how high the field is in its own unit, ``begin`` and ``end`` are the moments
    at its left and right edges.
    """

    layers: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    step: float
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
    drawing = _Drawing(buckets, top)
    for place, bucket in enumerate(buckets):
        if not bucket.known:
            drawing.shade(place)
            continue
        foot, told = 0.0, []
        for kind, count in parts(bucket).items():
            if count:
                foot += drawing.bar(place, kind, count, foot)
                told.append(f"{count:,} {kind}")
        drawing.tell(place, told)
    return drawing.chart("succeeded", "failed", "otherwise", "unknown")


def durations(buckets: Sequence[Bucket]) -> Chart:
    """Returns the median duration of each bucket's jobs, and behind it the 95th percentile."""
    top = nice_time(max((bucket.quantile(0.95) or 0.0 for bucket in buckets), default=0.0))
    drawing = _Drawing(buckets, top)
    for place, bucket in enumerate(buckets):
        half, most = bucket.quantile(0.5), bucket.quantile(0.95)
        if half is not None and most is not None:
            drawing.bar(place, "p95", most)
            drawing.bar(place, "p50", half)
            told = [f"half within {words.duration(half)}", f"95 % within {words.duration(most)}"]
            drawing.tell(place, told)
    return drawing.chart("p95", "p50")


class _Drawing:
    """Bars in the making."""

    def __init__(self, buckets: Sequence[Bucket], top: float) -> None:
        self._buckets, self._top = tuple(buckets), top
        self._step = WIDTH / max(1, len(buckets))
        self._bars: dict[str, list[str]] = {}
        self._columns: list[Column] = []

    def bar(self, place: int, kind: str, value: float, foot: float = 0.0) -> float:
        """Draws a bar that stands ``foot`` above the ground; returns its height, which is never too small to be seen."""
        height = max(value / self._top * HEIGHT, LEAST)
        left, width = (place + GAP / 2) * self._step, (1 - GAP) * self._step
        path = f"M{left:.1f} {HEIGHT - foot:.1f}v{-height:.1f}h{width:.1f}v{height:.1f}"
        self._bars.setdefault(kind, []).append(path)
        return height

    def shade(self, place: int) -> None:
        """Marks a bucket that is being counted."""
        left = place * self._step
        self._bars.setdefault("unknown", []).append(
            f"M{left:.1f} 0h{self._step:.1f}v{HEIGHT:.0f}h{-self._step:.1f}"
        )
        self.tell(place, ["being counted"])

    def tell(self, place: int, told: Sequence[str]) -> None:
        """Says a bucket's numbers in words; nothing for one without any."""
        if told:
            title = f"{self._buckets[place].begin[11:16]} UTC: {', '.join(told)}"
            self._columns.append(Column(round(place * self._step, 1), title))

    def chart(self, *kinds: str) -> Chart:
        """Returns what was drawn, in layers from the lowest to the highest."""
        layers = tuple((kind, "".join(self._bars[kind])) for kind in kinds if kind in self._bars)
        buckets = self._buckets
        begin, end = (buckets[0].begin, buckets[-1].end) if buckets else ("", "")
        return Chart(
            layers, tuple(self._columns), round(self._step, 1), self._top, begin, end, buckets
        )  # fmt: skip


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
