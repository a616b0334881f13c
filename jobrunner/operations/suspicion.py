"""May a worker be held dead? Pure: what was seen goes in, nothing is looked at here.

Its process, where it can be told, proves a death at once. Its lease alone is weak evidence: clocks jump, databases
stand still, and a reaper sleeps too. So the database must say that the lease has expired, the count of
heartbeats must have stood still for a whole lease after this reaper's own first look, by its own
monotonic clock, and when several leases expire together it is the reaper who is suspected first. While the database does
not answer nobody can be heard, so every silence counts anew from its return.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


class Belief(StrEnum):
    """What is known of a worker: alive, held dead by proof or by its silence, or not to be told yet."""

    ALIVE = "alive"
    GONE = "gone"
    SILENT = "silent"
    UNDECIDED = "undecided"

    @property
    def is_dead(self) -> bool:
        """True when its jobs may be taken away."""
        return self in (Belief.GONE, Belief.SILENT)


@dataclass(frozen=True)
class Sighting:
    """What one look at a worker found.

    ``runs`` is what its process says: False when it is proved to be gone, None when that cannot be told
    here. ``beats`` counts its heartbeats, ``expired`` is by the database clock.
    """

    worker: str
    runs: bool | None
    beats: int
    expired: bool


@dataclass
class _Silence:
    beats: int
    since: float
    expired: bool
    together: bool = False


class Memory:
    """One reaper's own memory of heartbeats, from look to look. Times are of its monotonic clock, in seconds."""

    def __init__(self, lease: float) -> None:
        self._lease = lease
        self._silences: dict[str, _Silence] = {}

    def judge(self, seen: Iterable[Sighting], now: float) -> dict[str, Belief]:
        """Returns what to believe of each worker that was seen; whoever was not seen this time is forgotten."""
        looks = list(seen)
        self._silences = {one.worker: self._silence(one, now) for one in looks if one.runs is not False}
        expired = sorted((one for one in self._silences.values() if one.expired), key=lambda one: one.since)
        for one, other in pairwise(expired):
            if other.since - one.since <= self._lease:
                one.together = other.together = True
        return {one.worker: self._believe(one, now) for one in looks}

    def begin_anew(self) -> None:
        """Forgets every silence: the database did not answer, so whoever was silent could not have been heard."""
        self._silences = {}

    def undecided_for(self, now: float) -> float | None:
        """Returns the seconds until all that are silent now can be decided on; None when nobody is silent."""
        left = [self._due(one) - now for one in self._silences.values() if one.expired]
        return max(0.0, *left) if left else None

    def _silence(self, one: Sighting, now: float) -> _Silence:
        known = self._silences.get(one.worker)
        if known is None or known.beats != one.beats:
            return _Silence(one.beats, now, one.expired)
        known.expired = one.expired
        return known

    def _believe(self, one: Sighting, now: float) -> Belief:
        if one.runs is False:
            return Belief.GONE
        if not one.expired:
            return Belief.ALIVE
        return Belief.SILENT if now >= self._due(self._silences[one.worker]) else Belief.UNDECIDED

    def _due(self, silence: _Silence) -> float:
        # several at once: more likely the reaper or the database slept, so they get the time to come back
        return silence.since + self._lease * (2 if silence.together else 1)
