"""Where a context sends what it is told, when no worker listens."""

from __future__ import annotations

from typing import Any

from jobrunner.child.context import CancelFlag, JobContext


class Sink:
    """Keeps the frames."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []

    def send(self, frame: dict[str, Any]) -> None:
        """Takes one frame."""
        self.frames.append(frame)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Returns the frames of one kind."""
        return [frame for frame in self.frames if frame["kind"] == kind]


def made(sink: Sink, cancel: CancelFlag | None = None) -> JobContext:
    """Returns a context that sends to ``sink``."""
    return JobContext(sink, job_id=1, uuid="u", type="t", attempt=1, fence=1, params={}, cancel=cancel)
