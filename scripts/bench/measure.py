"""Ratios: two sides measured in turn, so that what else the machine does hits both."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

Side = Callable[[], object]
ROOT = str(Path(__file__).resolve().parents[2])
_DROPPED = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")


@dataclass(frozen=True)
class Target:
    """What a ratio has to be; without a limit it is only told."""

    limit: float | None
    at_least: bool = True

    def __str__(self) -> str:
        return "told" if self.limit is None else f"{'≥' if self.at_least else '≤'} {self.limit:g}"

    def holds(self, ratio: float) -> bool | None:
        """True when the ratio is good enough; None when nothing is asked of it."""
        if self.limit is None:
            return None
        return ratio >= self.limit if self.at_least else ratio <= self.limit


@dataclass(frozen=True)
class Result:
    """One line of the table: the median of the rounds' ratios, with the lowest and the highest."""

    what: str
    against: str
    database: str
    ratios: Sequence[float]
    target: Target
    unit: str = ""

    @property
    def ratio(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.ratios)

    def cells(self) -> tuple[str, ...]:
        """The line's cells: what, against, database, ratio, spread, target, holds."""
        spread = f"{min(self.ratios):.2f} to {max(self.ratios):.2f}" if len(self.ratios) > 1 else ""
        verdict = {True: "yes", False: "**no**", None: ""}[self.target.holds(self.ratio)]
        ratio = f"{self.ratio:.2f}{self.unit}"
        return self.what, self.against, self.database, ratio, spread, str(self.target), verdict


HEAD = ("what", "against", "database", "ratio", "spread", "target", "holds")


def markdown(cells: Sequence[str]) -> str:
    """Returns one row of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def seconds(side: Side) -> float:
    """Returns how long a call takes; one that has more to do than is measured returns the seconds itself."""
    start = time.perf_counter()
    told = side()
    return told if isinstance(told, float) else time.perf_counter() - start


def rounds(count: int, first: Side, second: Side) -> list[tuple[float, float]]:
    """Returns what both sides took, round by round; who goes first alternates, and nobody is cold."""
    first()
    second()
    pairs = []
    for number in range(count):
        if number % 2:
            late = seconds(second)
            pairs.append((seconds(first), late))
        else:
            early = seconds(first)
            pairs.append((early, seconds(second)))
    return pairs


def speed(count: int, ours: Side, floor: Side) -> list[float]:
    """Returns our speed as a share of the floor's, round by round; more is better."""
    return [theirs / own for own, theirs in rounds(count, ours, floor)]


def cost(count: int, ours: Side, floor: Side) -> list[float]:
    """Returns our time as a multiple of the floor's, round by round; less is better."""
    return [own / theirs for own, theirs in rounds(count, ours, floor)]


def medians(count: int, calls: int, ours: Side, floor: Side) -> Iterator[float]:
    """Yields, round by round, the median of our calls as a multiple of the floor's median, call by call in turn.

    For what takes so little that how often the machine does something else counts.
    """
    for number in range(count + 1):
        pairs = [(seconds(ours), seconds(floor)) for _ in range(calls)]
        own, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        if number:
            yield own / theirs


def environment() -> dict[str, str]:
    """Returns the environment of a child that finds this checkout and may keep its compiled modules."""
    kept = {n: v for n, v in os.environ.items() if n not in _DROPPED and not n.startswith("JOBRUNNER_")}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, (ROOT, kept.get("PYTHONPATH"))))}


def program(*arguments: str) -> None:
    """Runs this interpreter with arguments, output thrown away; raises when it fails."""
    subprocess.run(
        [sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environment()
    )  # fmt: skip
