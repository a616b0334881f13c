"""One job that runs in a pool: its minder's course, and what it listens to in the selector of all jobs."""

from __future__ import annotations

import selectors
from collections.abc import Callable
from typing import Any

from jobrunner import clock
from jobrunner.settings import Settings
from jobrunner.store.claims import ChildProcess
from jobrunner.worker.brood import Brood, Kills
from jobrunner.worker.minder import Ending, Minder
from jobrunner.worker.nursery import Child
from jobrunner.worker.nursing import Ends
from jobrunner.worker.post import Post
from jobrunner.worker.verdict import Outcome

_LOOK_AT_LOST = 0.02


class Slot:
    """A job from the order to fork its child to the end of its course.

    ``due_at`` is when to ``resume`` it without news, by the monotonic clock. ``is_over`` is true when the course has
    ended, ``outcome`` then how, None when the job is another worker's.
    """

    def __init__(
        self, post: Post, ends: Ends, selector: selectors.BaseSelector, stir: Callable[[Slot], object]
    ) -> None:
        self.post, self.ends = post, ends
        self.due_at = clock.monotonic() + 3600.0
        self.is_over = False
        self.outcome: Outcome | None = None
        self.brood: Brood | None = None
        self._course: Any = None
        self._selector, self._stir = selector, stir

    def born(self, pid: int, started: int | None, settings: Settings, ending: Ending, kills: Kills) -> None:
        """Begins to mind the child."""
        child = Child(pid, started, self.ends.channel, self.ends.stdout, self.ends.stderr)
        self.post.child = ChildProcess(pid, started)
        job = self.post.claimed
        self.brood = Brood(child, f"{job.uuid}:{job.fence}", kills)
        minder = Minder(
            child, self.post, settings, ending, tree=self.brood, listener=self, called=True
        )  # fmt: skip
        self._course = minder.course()
        self._stir(self)

    def resume(self) -> None:
        """Goes on with the course until it has to wait again."""
        if self._course is None:
            return
        try:
            seconds = next(self._course)
        except StopIteration as end:
            self.is_over, self.outcome = True, end.value
            return
        if self.brood is not None and self.brood.is_lost:
            seconds = min(seconds, _LOOK_AT_LOST)
        self.due_at = clock.monotonic() + seconds

    def register(self, fileobj: int, events: int, data: Callable[[], object]) -> None:
        """Calls ``data`` whenever the descriptor is readable, and resumes the course afterwards."""

        def act() -> None:
            data()
            self._stir(self)

        self._selector.register(fileobj, events, act)

    def unregister(self, fileobj: int) -> None:
        """Forgets the descriptor."""
        self._selector.unregister(fileobj)
