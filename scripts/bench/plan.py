"""What every row of the table is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from places import Place


@dataclass(frozen=True)
class Plan:
    """Where to measure, how often and how much; ``lines`` and ``jobs`` are the large sizes, ``crowd`` and ``fleet`` those of their rows."""

    places: Sequence[Place]
    scratch: Path
    rounds: int
    jobs: int
    lines: int
    crowd: int = 100_000
    fleet: int = 100

    def on(self, *kinds: str) -> list[Place]:
        """Returns those of the places that are of these kinds."""
        return [place for place in self.places if place.kind in kinds]
