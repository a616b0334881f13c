"""How many jobs ended when, how, and after how long: in buckets of time, of which those that are over are kept."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from jobrunner import clock
from jobrunner.errors import StoreError
from jobrunner.store import overview
from jobrunner.store.database import Database

# rows that one request reads at most; more are counted beside it, bucket by bucket
AT_ONCE = 4_000
SAMPLE = 500
# a bucket that is over hardly changes: a retry takes an end back, a late commit adds one
PRESENT, SETTLED, KEPT, MOST = 1.0, 5.0, 900.0, 2_000
# ends that are worth counting again for each second since they were counted last
PER_SECOND = 100


@dataclass(frozen=True)
class Window:
    """A stretch of time up to now, in buckets of equal length."""

    name: str
    label: str
    count: int
    seconds: int


WINDOWS = (
    Window("1h", "1 hour", 60, 60),
    Window("24h", "24 hours", 72, 1200),
    Window("7d", "7 days", 84, 7200),
)


@dataclass
class Bucket:
    """The ends of one bucket; ``durations`` are of a sample, sorted. ``known`` is false while it is being counted."""

    begin: str
    seconds: int
    by_status: dict[str, int] = field(default_factory=dict)
    durations: list[float] = field(default_factory=list)
    known: bool = True
    read_at: float = 0.0

    @property
    def end(self) -> str:
        """The moment at which it is over."""
        return clock.shift(self.begin, self.seconds)

    @property
    def total(self) -> int:
        """How many jobs ended."""
        return sum(self.by_status.values())

    def quantile(self, share: float) -> float | None:
        """Returns the duration below which that share of the runs lies."""
        if not self.durations:
            return None
        return self.durations[min(len(self.durations) - 1, int(share * len(self.durations)))]


class Ends:
    """The buckets of one store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[tuple[str, int], Bucket] = {}
        self._guard = threading.Lock()
        self._counting = False

    def buckets(self, window: Window) -> list[Bucket]:
        """Returns the buckets of a window, the present one last; those that are not counted yet say so."""
        begins = _begins(window)
        missing = [begin for begin in begins if not self._is_fresh(begin, window.seconds)]
        expected = sum(self._at(begin, window.seconds).total for begin in missing)
        if missing and expected <= AT_ONCE and not self._counting:
            self._read(missing, window.seconds)
            missing = [begin for begin in missing if not self._is_fresh(begin, window.seconds)]
        if missing:
            self._count_beside(missing, window.seconds)
        return [self._at(begin, window.seconds) for begin in begins]

    def _at(self, begin: str, seconds: int) -> Bucket:
        with self._guard:
            return self._kept.get((begin, seconds)) or Bucket(begin, seconds, known=False)

    def _is_fresh(self, begin: str, seconds: int) -> bool:
        with self._guard:
            found = self._kept.get((begin, seconds))
        if found is None:
            return False
        over = clock.between(found.end, clock.now())
        kept = KEPT if over > KEPT else SETTLED if over > 0 else PRESENT
        # what is costly to count is counted seldom
        return clock.monotonic() - found.read_at < max(kept, min(KEPT, found.total / PER_SECOND))

    def _read(self, begins: Sequence[str], seconds: int) -> None:
        """Reads the ends of these buckets, newest first, as far as the measure of one request goes."""
        left = AT_ONCE
        for low, high in _stretches(begins, seconds):
            rows = overview.ended(self._database, low, high, left + 1)
            if len(rows) > left:
                return
            left -= len(rows)
            inside = [begin for begin in begins if low <= begin < high]
            self._keep(_sorted(inside, seconds, rows))

    def _count_beside(self, begins: Sequence[str], seconds: int) -> None:
        with self._guard:
            if self._counting:
                return
            self._counting = True

        def work() -> None:
            try:
                for begin in reversed(begins):
                    end = clock.shift(begin, seconds)
                    sample = overview.ended(self._database, begin, end, SAMPLE)
                    bucket = _sorted([begin], seconds, sample)[0]
                    if len(sample) == SAMPLE:
                        bucket.by_status = overview.ends_by_status(self._database, begin, end)
                    self._keep([bucket])
            except StoreError:
                pass
            finally:
                self._counting = False

        threading.Thread(target=work, name="ends", daemon=True).start()

    def _keep(self, buckets: Iterable[Bucket]) -> None:
        with self._guard:
            for bucket in buckets:
                bucket.read_at = clock.monotonic()
                self._kept[bucket.begin, bucket.seconds] = bucket
            for old in sorted(self._kept)[: max(0, len(self._kept) - MOST)]:
                del self._kept[old]


_all: WeakKeyDictionary[Database, Ends] = WeakKeyDictionary()
_guard = threading.Lock()


def of(database: Database) -> Ends:
    """Returns the buckets of a store, the same ones for everybody who asks."""
    with _guard:
        return _all.setdefault(database, Ends(database))


def _begins(window: Window) -> list[str]:
    now = clock.parse(clock.now()).timestamp()
    last = int(now // window.seconds) * window.seconds
    first = last - (window.count - 1) * window.seconds
    epoch = "1970-01-01T00:00:00.000000Z"
    return [clock.shift(epoch, first + n * window.seconds) for n in range(window.count)]


def _stretches(begins: Sequence[str], seconds: int) -> list[tuple[str, str]]:
    """Returns the buckets joined where one follows the other, newest first."""
    joined: list[tuple[str, str]] = []
    for begin in begins:
        end = clock.shift(begin, seconds)
        if joined and joined[-1][1] == begin:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return joined[::-1]


def _sorted(begins: Sequence[str], seconds: int, rows: Iterable[tuple[str, str, str | None]]) -> list[Bucket]:
    buckets = {begin: Bucket(begin, seconds) for begin in begins}
    ordered = sorted(begins)
    place = 0
    for status, end, start in rows:
        while place + 1 < len(ordered) and ordered[place + 1] <= end:
            place += 1
        bucket = buckets[ordered[place]]
        bucket.by_status[status] = bucket.by_status.get(status, 0) + 1
        if start is not None and len(bucket.durations) < SAMPLE:
            bucket.durations.append(max(0.0, clock.between(start, end)))
    for bucket in buckets.values():
        bucket.durations.sort()
    return list(buckets.values())
