"""The hash chains over a job's ledger, and the fold of its history. Pure: no database, no clock.

A digest is SHA-256 over the digest before it and a canonical form of the row. The form is length-prefixed bytes, so
that no two rows share one: every field is ``~`` for none, else its length, a colon and its UTF-8 bytes.
Both chains of a job begin with its uuid, so rows cannot be moved to another job.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from jobrunner.errors import IllegalTransition
from jobrunner.states import EDGES, TERMINAL, Status, Trigger

TRANSITION_FIELDS = (
    "seq", "prev_seq", "attempt", "fence", "from_status", "trigger_name", "to_status", "actor", "reason", "context",
    "at", "op_id", "log_digest",
)  # fmt: skip
BIRTH_FIELDS = (
    "type", "params", "lock_key", "idempotency_key", "title", "queue", "priority", "created_by", "idempotent",
    "max_attempts",
)  # fmt: skip
END_FIELDS = ("result", "error_class", "error_reason_code", "error_message", "error_traceback")


def canonical(values: Iterable[str | int | None]) -> bytes:
    """Returns the length-prefixed form of ``values``; booleans count as 0 and 1."""
    parts = []
    for value in values:
        if value is None:
            parts.append("~")
        else:
            text = value if isinstance(value, str) else str(int(value))
            parts.append(f"{len(text) if text.isascii() else len(text.encode())}:{text}")
    return "".join(parts).encode()


def genesis(uuid: str) -> str:
    """Returns the digest that stands before a job's birth."""
    return sha256(b"jobrunner transitions " + uuid.encode()).hexdigest()


def log_genesis(uuid: str) -> str:
    """Returns the log digest that stands before a job's first line."""
    return sha256(b"jobrunner lines " + uuid.encode()).hexdigest()


def transition_digest(previous: str, row: Mapping[str, Any]) -> str:
    """Returns the digest of a transition row, given the digest of the one before."""
    return link(previous, [row[name] for name in TRANSITION_FIELDS])


def link(previous: str, values: Iterable[str | int | None]) -> str:
    """Returns the digest of a transition from its values, in the order of TRANSITION_FIELDS."""
    return sha256(bytes.fromhex(previous) + canonical(values)).hexdigest()


def birth_seal(job: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of what a job was asked to do; none of it changes later."""
    return sha256(canonical([job[name] for name in BIRTH_FIELDS])).hexdigest()


def end_seal(job: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of a job's result and error."""
    return sha256(canonical([job[name] for name in END_FIELDS])).hexdigest()


LineFields = tuple[str, str, str, str | None, str | None, str, str | None]
"""A line's at, level, stream, step key, logger, message and context."""


class LineChain:
    """The running digest over a job's lines; ``digest`` is where it stands."""

    def __init__(self, digest: str) -> None:
        self._state = bytes.fromhex(digest)

    @property
    def digest(self) -> str:
        """The digest over every line added so far, as 64 hexadecimal characters."""
        return self._state.hex()

    def add(
        self,
        seq: int,
        attempt: int,
        at: str,
        level: str,
        stream: str,
        step_key: str | None,
        logger: str | None,
        message: str,
        context: str | None,
    ) -> None:
        """Advances the chain by one line; ``at`` is canonical text."""
        text = message.encode()
        # every word has its length before it, so that no text can pass from one column into the next
        head = (
            f"{seq:d}:{attempt:d}:{len(at)}:{at}{len(level)}:{level}{len(stream)}:{stream}{len(text)}:"
        ).encode()
        if step_key is None and logger is None and context is None:
            rest = b"~~~"
        else:
            rest = canonical((step_key, logger, context))
        self._state = sha256(self._state + head + text + rest).digest()

    def extend(self, first_seq: int, attempt: int, lines: Iterable[LineFields]) -> None:
        """Advances the chain by many lines, as ``add`` would by each; the first one bears ``first_seq``."""
        state, hashed = self._state, sha256
        kept_at = kept_level = kept_stream = kept_step = kept_logger = kept_context = None
        middle, rest = "", b"~~~"
        # neighbours mostly differ in their message only, so the rest of the form is kept while it stays the same
        for seq, (at, level, stream, step_key, logger, message, context) in enumerate(lines, first_seq):
            if at is not kept_at or level is not kept_level or stream is not kept_stream:
                kept_at, kept_level, kept_stream = at, level, stream
                middle = f":{attempt:d}:{len(at)}:{at}{len(level)}:{level}{len(stream)}:{stream}"
            if step_key is not kept_step or logger is not kept_logger or context is not kept_context:
                kept_step, kept_logger, kept_context = step_key, logger, context
                rest = canonical((step_key, logger, context))
            if message.isascii():
                form = f"{seq:d}{middle}{len(message)}:{message}".encode()
            else:
                text = message.encode()
                form = f"{seq:d}{middle}{len(text)}:".encode() + text
            state = hashed(state + form + rest).digest()
        self._state = state


@dataclass
class Fold:
    """What a history says its job row must be."""

    status: Status = Status.NEW
    attempt: int = 0
    fence: int = 0
    cancel_mode: str | None = None
    last_seq: int = 0
    final_seq: int | None = None
    digest: str = ""
    log_digest: str = ""

    def apply(self, row: Mapping[str, Any]) -> None:
        """Moves on by one transition row; raises IllegalTransition when it leaves the machine or the path.

        The fold has moved on then too, so that what follows can be looked at.
        """
        known = _EDGES.get((row["from_status"], row["trigger_name"]))
        before, to_status = self.status, str(row["to_status"])
        self.status = (
            known.to_status if known and known.to_status == to_status else _STATUSES.get(to_status, before)
        )
        if known is not None:
            self.cancel_mode = cancel_mode_after(self.cancel_mode, known.trigger, self.status)
        self.attempt, self.fence, self.last_seq = int(row["attempt"]), int(row["fence"]), int(row["seq"])
        self.final_seq = self.last_seq if self.status in TERMINAL else None
        self.digest, self.log_digest = str(row["digest"]), str(row["log_digest"])
        if known is None or known.to_status != to_status:
            edge = f"{row['from_status']} --{row['trigger_name']}--> {to_status}"
            raise IllegalTransition(f"{edge} is no edge of the state machine.")
        if known.from_status is not before:
            raise IllegalTransition(f"It leaves {known.from_status}, but the job was {before}.")


_EDGES = {(edge.from_status.value, edge.trigger.value): edge for edge in EDGES}
_STATUSES = {status.value: status for status in Status}


def cancel_mode_after(before: str | None, trigger: Trigger, to_status: Status) -> str | None:
    """Returns the cancel mode that the job row bears after a move.

    A request sets it, a retry and every way back into the queue clear it, an end keeps it.
    """
    if to_status is Status.CANCEL_REQUESTED:
        return trigger.value
    if to_status in (Status.QUEUED, Status.SCHEDULED, Status.HELD, Status.RUNNING):
        return None
    if before is None and trigger in (Trigger.CANCEL, Trigger.STOP, Trigger.KILL):
        return trigger.value
    return before
