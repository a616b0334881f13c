"""What every attempt needs, detached or inline: its intake, its spool, its writer, and its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from jobrunner import identifiers, jsontext, names, processes
from jobrunner.errors import StoreError
from jobrunner.masking import Mask
from jobrunner.settings import Settings
from jobrunner.store import refusals
from jobrunner.store.claims import Claimed
from jobrunner.store.database import Database
from jobrunner.store.logs import JobState
from jobrunner.store.workers import WorkerIdentity
from jobrunner.version import __version__
from jobrunner.worker import verdict
from jobrunner.worker.death import Error
from jobrunner.worker.intake import Intake, masked_data
from jobrunner.worker.spool import Spool
from jobrunner.worker.verdict import Outcome, Said
from jobrunner.worker.writer import Writer

_REFUSED_LINES, _LOOK = 200, 0.5


def identity(
    kind: str, scope: str, labels: Sequence[str] = (), capacity: int = 1, queues: Sequence[str] = ()
) -> WorkerIdentity:
    """Returns who this process is as a worker, under an id of its own each time."""
    me = processes.identity()
    return WorkerIdentity(
        id=identifiers.uuid7(), kind=kind, host=me.host, boot_id=me.boot_id, pid_namespace=me.pid_namespace,
        pid=me.pid, process_started=me.started, scope=scope, version=__version__,
        capacity=capacity, queues=",".join(queues) or None,
        labels=jsontext.dumps(names.pairs("labels", labels)) if labels else None,
    )  # fmt: skip


class Scribe(Protocol):
    """Who stores what an attempt says, as the one who minds it needs to know."""

    @property
    def state(self) -> JobState:
        """What the job row said last."""

    @property
    def over(self) -> threading.Event:
        """Set when nothing more is stored for this attempt."""

    def is_healthy(self, within: float = 1.0) -> bool:
        """True when something was stored or read in the last ``within`` seconds."""

    def fences_itself_at(self) -> float | None:
        """Returns the monotonic moment from which on the job may be another worker's, None where it cannot be."""


class Station(Protocol):
    """What there is for one attempt: the job, its intake and spool, and who stores."""

    claimed: Claimed
    mask: Mask
    spool: Spool
    intake: Intake

    @property
    def writer(self) -> Scribe:
        """Who stores."""


class Desk:
    """One attempt's way into the ledger."""

    def __init__(
        self, database: Database, settings: Settings, claimed: Claimed, worker: WorkerIdentity,
        wake: Callable[[], object],
    ) -> None:  # fmt: skip
        self.claimed = claimed
        self.mask = Mask(settings.database_url, settings.mask_keys)
        self.spool = Spool(settings.spool_max_bytes)
        self.intake = Intake(
            self.spool, self.mask, log_bytes=claimed.log_bytes, log_max=settings.log_max_bytes,
            clock_offset=claimed.clock_offset,
        )  # fmt: skip
        self.writer = Writer(database, claimed, worker.id, self.spool, self.intake, settings, wake)
        self._actor, self._worker_id, self._database = worker.actor, worker.id, database

    def conclude(self, outcome: Outcome, *, leaves: Callable[[], bool] = lambda: False) -> str | None:
        """Stores the end of the attempt, however long the database takes, or until this process ``leaves`` all the same.

        Returns the status in which it left the job; None when another worker holds it, or nothing is stored.
        """
        writer, chance = self.writer, identifiers.chance()
        self.intake.say_what_was_left_out()
        writer.finish(lambda row, lines: verdict.decide(row, outcome, self._actor, lines, chance=chance))
        while not writer.over.wait(_LOOK):
            if leaves():
                return None
        return writer.status

    def keep_refused(self, outcome: Outcome | None) -> None:
        """Stores as evidence what the fence has refused; call when the writer is over and was superseded."""
        progress = self.writer.refused_progress | self.intake.take_progress()
        refused = what_was_refused(self.spool, progress, outcome)
        try:
            refusals.keep(self._database, self.claimed, self._worker_id, refused)
        except StoreError:
            return


def what_was_refused(
    spool: Spool, progress: Mapping[str, Any], outcome: Outcome | None
) -> list[tuple[str, str]]:
    """Returns what a superseded worker could not store, as pairs of what it is and its text."""
    refused: list[tuple[str, str]] = []
    lines = [line._asdict() for line in spool.peek(_REFUSED_LINES)]
    if lines:
        refused.append(("line", jsontext.dumps({"lines": lines, "queued": len(spool)})))
    if progress:
        refused.append(("progress", jsontext.dumps(dict(progress))))
    if outcome is not None and outcome.said is Said.RETURNED and outcome.error is None:
        refused.append(("result", outcome.result or "null"))
    elif outcome is not None:
        told = {"said": outcome.said.value, "cause": outcome.cause, "error": _failure(outcome)}
        refused.append(("status", jsontext.dumps(told)))
    return refused


def _failure(outcome: Outcome) -> dict[str, str] | None:
    error = outcome.error
    if error is None:
        return None
    return {
        "class": error.error_class,
        "reason_code": error.reason_code,
        "message": error.message,
    }


def reported(frame: Mapping[str, Any], mask: Mask) -> tuple[Said, str | None, Error | None]:
    """Returns what a ``done`` frame says: how the handler ended, its result, its error.

    What returned has an error when its result cannot be kept.
    """

    def text(name: str) -> str:
        return mask(str(frame.get(name) or ""))

    outcome, result = frame.get("outcome"), frame.get("result")
    if outcome == "cancelled":
        return Said.CANCELLED, None, None
    if outcome == "returned" and not frame.get("reason_code"):
        return Said.RETURNED, masked_data(mask, result) if isinstance(result, str) else None, None
    error = Error(
        text("error_class") or "Exception", text("reason_code") or "handler_error", text("message"),
        text("traceback") or None,
    )  # fmt: skip
    return Said.RETURNED if outcome == "returned" else Said.RAISED, None, error
