"""A request to end, told honestly: asked for, seen by the worker, done; each with its time."""

from __future__ import annotations

from dataclasses import dataclass

from jobrunner.models import JobModel, TransitionEvent
from jobrunner.states import Status
from jobrunner.store import loglines
from jobrunner.store.database import Database

# the worker says so within a line or two; others may have written meanwhile
_NEAR = 2000


@dataclass(frozen=True)
class Ending:
    """The last request to end a job; moments and seqs are None until they are there."""

    mode: str
    asked: TransitionEvent
    seen_at: str | None = None
    seen_seq: int | None = None
    seen_text: str = ""
    done: TransitionEvent | None = None


def ending(database: Database, job: JobModel, moves: list[TransitionEvent]) -> Ending | None:
    """Returns the request to end the attempt that runs or ran last; None when there was none."""
    asked = next((move for move in reversed(moves) if move.to == Status.CANCEL_REQUESTED), None)
    if asked is None:
        return None
    done = next((move for move in moves if move.seq > asked.seq), None)
    if done is not None and job.status != done.to:
        return None
    high = min(asked.seq + _NEAR, done.seq if done else job.last_seq)
    seen = loglines.window(database, job.id, asked.seq, high, loglines.Wanted(stream="system"))
    lines = [row for _, row in seen[1]] if seen else []
    said = next((row for row in lines if row["message"].startswith("Asked to ")), None)
    if said is None:
        return Ending(asked.trigger, asked, done=done)
    return Ending(asked.trigger, asked, said["at"], said["seq"], said["message"], done)
