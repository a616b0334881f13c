"""How long this worker may believe that its lease stands, by its own monotonic clock."""

from __future__ import annotations

_SOON = 1.0
# in heartbeats: how old a lease is young, and how far off the fence has to be for one to be left out
_YOUNG, _ROOMY = 1.5, 4


class Pulse:
    """The heartbeats under one worker id.

    What counts is when the last heartbeat that was stored *began*: the database may have stored it at once and answered
    late, and the lease runs from then. ``due_at`` is when the next one is to be sent. Under another id begins
    another pulse, and what was claimed under the old id is not kept up by it.
    """

    def __init__(self, began: float, heartbeat: float, self_fence: float) -> None:
        self._began, self._heartbeat, self._self_fence = began, heartbeat, self_fence
        self.due_at = began + heartbeat

    @property
    def fences_at(self) -> float:
        """When this worker must hold its jobs for another's, unless a heartbeat is stored before."""
        return self._began + self._self_fence

    def is_young(self, now: float) -> bool:
        """True when a worker with nothing in hand may leave this heartbeat out: the one after it comes in good time."""
        return now < self._began + _YOUNG * self._heartbeat and self._self_fence >= _ROOMY * self._heartbeat

    def sent(self, began: float) -> None:
        """Notes that a heartbeat is on its way since ``began``."""
        self.due_at = began + self._heartbeat

    def stored(self, began: float) -> None:
        """Notes that the heartbeat that began then is stored."""
        self._began = max(self._began, began)

    def failed(self, began: float) -> None:
        """Notes that the heartbeat that began then did not come through: the next one follows soon."""
        self.due_at = began + min(_SOON, self._heartbeat)
