"""The vocabulary and the state machine: statuses, triggers, and every legal edge.

``db/seed/*.sql`` holds the same as rows; a test keeps the two together, and the database refuses
a history that leaves the table.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """Where a job stands. ``is_active`` means not terminal; ``new`` is neither."""

    NEW = "new"
    HELD = "held"
    WAITING = "waiting"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    CANCEL_REQUESTED = "cancel_requested"
    PARKED = "parked"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
    ABANDONED = "abandoned"

    @property
    def is_terminal(self) -> bool:
        """True when only an operator's verb can move the job on; its lock key is free."""
        return self in TERMINAL

    @property
    def is_active(self) -> bool:
        """True while the job holds its lock key."""
        return self is not Status.NEW and self not in TERMINAL

    @property
    def is_settled(self) -> bool:
        """True when the job does not move on by itself: terminal or parked."""
        return self in TERMINAL or self is Status.PARKED


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.STOPPED, Status.ABANDONED})
IN_HAND = frozenset({Status.RUNNING, Status.CANCEL_REQUESTED})

DESCRIPTIONS: dict[Status, str] = {
    Status.NEW: "Before birth; no job row bears it.",
    Status.HELD: "Created or put aside; an operator releases it.",
    Status.WAITING: "Waits for other jobs.",
    Status.SCHEDULED: "Not before available_at: a delay, or the wait before a retry; the clock moves it on.",
    Status.QUEUED: "Ready to be claimed; a worker moves it on.",
    Status.RUNNING: "A worker holds it.",
    Status.CANCEL_REQUESTED: "Running and asked to end by cancel, stop or kill.",
    Status.PARKED: "Lost or interrupted while not idempotent; a person decides.",
    Status.SUCCEEDED: "The handler returned.",
    Status.FAILED: "The handler raised, died, ran out of time, or was never launched.",
    Status.CANCELLED: "Never ran, ended cleanly after a cancel, or was lost after a cancel.",
    Status.STOPPED: "Ended by force; work may be half done.",
    Status.ABANDONED: "Closed for good by an operator.",
}


class Trigger(StrEnum):
    """What moves a job; together with the status it is in, it decides where the job goes."""

    CREATE = "create"
    CREATE_HELD = "create_held"
    CREATE_SCHEDULED = "create_scheduled"
    HOLD = "hold"
    RELEASE = "release"
    RELEASE_SCHEDULED = "release_scheduled"
    ADMIT = "admit"
    CLAIM = "claim"
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"
    STOP = "stop"
    KILL = "kill"
    CONFIRM_CANCEL = "confirm_cancel"
    CONFIRM_STOP = "confirm_stop"
    RETRY_LATER = "retry_later"
    REQUEUE_LOST = "requeue_lost"
    PARK_LOST = "park_lost"
    FAIL_LOST = "fail_lost"
    INTERRUPT = "interrupt"
    PARK_INTERRUPTED = "park_interrupted"
    FAIL_LAUNCH = "fail_launch"
    RETRY = "retry"
    RESOLVE_SUCCEEDED = "resolve_succeeded"
    RESOLVE_FAILED = "resolve_failed"
    ABANDON = "abandon"


class Mode(StrEnum):
    """How hard a running job is asked to end; a request can only be raised."""

    CANCEL = "cancel"
    STOP = "stop"
    KILL = "kill"

    @property
    def strength(self) -> int:
        """0 for cancel, 1 for stop, 2 for kill."""
        return list(Mode).index(self)


class Edge(NamedTuple):
    """One row of the state machine table."""

    from_status: Status
    trigger: Trigger
    to_status: Status
    actors: tuple[str, ...]
    description: str


_S, _T = Status, Trigger
_OPERATOR, _STARTER, _WORKER = ("operator",), ("starter", "operator", "scheduler", "system"), ("worker",)
_WORKER_OR_REAPER = ("worker", "reaper")
_ANYBODY = ("operator", "worker", "starter", "system", "reaper")
_LAUNCHERS = ("starter", "operator", "worker", "reaper", "system")
_WAITING = (_S.HELD, _S.SCHEDULED, _S.QUEUED, _S.PARKED)
_CLOSED = (_S.FAILED, _S.STOPPED, _S.CANCELLED, _S.PARKED)

EDGES: tuple[Edge, ...] = (
    Edge(_S.NEW, _T.CREATE, _S.QUEUED, _STARTER, "Created, ready at once."),
    Edge(_S.NEW, _T.CREATE_HELD, _S.HELD, _STARTER, "Created and put aside."),
    Edge(_S.NEW, _T.CREATE_SCHEDULED, _S.SCHEDULED, _STARTER, "Created for a later time."),
    *(Edge(status, _T.HOLD, _S.HELD, _OPERATOR, "Put aside.") for status in (_S.QUEUED, _S.SCHEDULED)),
    Edge(_S.HELD, _T.RELEASE, _S.QUEUED, _OPERATOR, "Released and due."),
    Edge(_S.HELD, _T.RELEASE_SCHEDULED, _S.SCHEDULED, _OPERATOR, "Released before it is due."),
    Edge(_S.SCHEDULED, _T.ADMIT, _S.QUEUED, ("worker", "system"), "Due by the database clock."),
    Edge(_S.QUEUED, _T.CLAIM, _S.RUNNING, _WORKER, "A worker took it."),
    Edge(_S.RUNNING, _T.SUCCEED, _S.SUCCEEDED, _WORKER, "The handler returned."),
    Edge(_S.RUNNING, _T.FAIL, _S.FAILED, _WORKER, "The attempt failed for good."),
    Edge(_S.CANCEL_REQUESTED, _T.FAIL, _S.FAILED, _WORKER, "The handler raised after a cancel request."),
    *(Edge(status, _T.CANCEL, _S.CANCELLED, _ANYBODY, "Cancelled before it ran.") for status in _WAITING),
    Edge(_S.RUNNING, _T.CANCEL, _S.CANCEL_REQUESTED, _ANYBODY, "Asked to end by itself."),
    *(Edge(status, _T.STOP, _S.CANCELLED, _ANYBODY, "Cancelled before it ran.") for status in _WAITING),
    Edge(_S.RUNNING, _T.STOP, _S.CANCEL_REQUESTED, _ANYBODY, "To be ended by TERM, then KILL."),
    Edge(_S.CANCEL_REQUESTED, _T.STOP, _S.CANCEL_REQUESTED, _ANYBODY, "The request is raised to stop."),
    *(Edge(status, _T.KILL, _S.CANCELLED, _ANYBODY, "Cancelled before it ran.") for status in _WAITING),
    Edge(_S.RUNNING, _T.KILL, _S.CANCEL_REQUESTED, _ANYBODY, "To be ended by KILL."),
    Edge(_S.CANCEL_REQUESTED, _T.KILL, _S.CANCEL_REQUESTED, _ANYBODY, "The request is raised to kill."),
    Edge(_S.CANCEL_REQUESTED, _T.CONFIRM_CANCEL, _S.CANCELLED, _WORKER_OR_REAPER, "Ended as asked."),
    Edge(_S.CANCEL_REQUESTED, _T.CONFIRM_STOP, _S.STOPPED, _WORKER_OR_REAPER, "Ended by force."),
    Edge(_S.RUNNING, _T.RETRY_LATER, _S.SCHEDULED, _WORKER, "The attempt failed; another one follows."),
    Edge(_S.RUNNING, _T.REQUEUE_LOST, _S.SCHEDULED, ("reaper",), "Its worker was lost; it may run again."),
    Edge(_S.RUNNING, _T.PARK_LOST, _S.PARKED, ("reaper",), "Its worker was lost; a person decides."),
    Edge(_S.RUNNING, _T.FAIL_LOST, _S.FAILED, ("reaper",), "Its worker was lost and no attempt is left."),
    Edge(_S.RUNNING, _T.INTERRUPT, _S.QUEUED, _WORKER_OR_REAPER, "Given back by a worker that shuts down."),
    Edge(_S.RUNNING, _T.PARK_INTERRUPTED, _S.PARKED, _WORKER_OR_REAPER, "Interrupted; a person decides."),
    *(
        Edge(status, _T.FAIL_LAUNCH, _S.FAILED, _LAUNCHERS, "No worker could be started.")
        for status in (_S.QUEUED, _S.SCHEDULED)
    ),
    *(Edge(status, _T.RETRY, _S.QUEUED, _OPERATOR, "To be run again.") for status in _CLOSED),
    Edge(_S.PARKED, _T.RESOLVE_SUCCEEDED, _S.SUCCEEDED, _OPERATOR, "An operator found its work done."),
    Edge(_S.PARKED, _T.RESOLVE_FAILED, _S.FAILED, _OPERATOR, "An operator found its work not done."),
    *(Edge(status, _T.ABANDON, _S.ABANDONED, _OPERATOR, "Closed for good.") for status in _CLOSED),
)

_TARGETS = {(edge.from_status, edge.trigger): edge for edge in EDGES}


def edge(from_status: str, trigger: str) -> Edge | None:
    """Returns the one edge that ``trigger`` takes out of ``from_status``, or None."""
    return _TARGETS.get((Status(from_status), Trigger(trigger)))


def is_held(status: str, fence: int, own: int) -> bool:
    """True while a job of this status and ``fence`` is in the hands of the attempt whose fence is ``own``."""
    return fence == own and status in IN_HAND


def mermaid() -> str:
    """Returns the machine as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    for item in EDGES:
        source = "[*]" if item.from_status is Status.NEW else item.from_status
        lines.append(f"    {source} --> {item.to_status}: {item.trigger}")
    lines += [f"    {status} --> [*]" for status in Status if status in TERMINAL]
    return "\n".join(lines) + "\n"
