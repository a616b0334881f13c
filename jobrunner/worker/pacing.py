"""When a pool looks for jobs: at once while there are some, more and more seldom while there are none. Pure."""

from __future__ import annotations

from collections.abc import Callable

_COLLIDED = 0.005


class Pace:
    """The moment of the next look, by the monotonic ``clock``: ``at``.

    Between two looks in vain pass ``least`` to ``most`` seconds, twice as many each time. ``is_called`` tells that
    somebody has said since the last look began that there is something.
    """

    def __init__(self, least: float, most: float, clock: Callable[[], float]) -> None:
        self.at, self.is_called = 0.0, False
        self._least, self._most, self._clock = least, most, clock
        self._pause = least
        self._expected: list[float] = []

    def hurry(self) -> None:
        """Makes it now: somebody says that there is something."""
        self.at, self._pause, self.is_called = 0.0, self._least, True

    def begin(self) -> None:
        """Notes that a look begins: it answers the calls so far, and a call from now on is for the next one."""
        self.is_called = False

    def expect(self, seconds: float) -> None:
        """Makes it so many seconds from now at the latest, for something is due then."""
        self._expected.append(self._clock() + seconds)
        self.at = min(self.at, self._expected[-1])

    def found(self, count: int, seen: int, wanted: int) -> None:
        """Notes that ``count`` jobs were got of ``seen`` ones; when others have taken some there may be more."""
        if self.is_called:
            return
        if count:
            self._pause = self._least
        if count < wanted <= seen:
            self.at = self._clock() + _COLLIDED
        elif count < wanted:
            now = self._clock()
            self._expected = [at for at in self._expected if at > now]
            self.at = min([now + self._pause, *self._expected])
            self._pause = min(self._most, self._pause * 2)
