"""One job's ledger, checked row by row against its seals. Pure: no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobrunner import jsontext
from jobrunner.auditor.findings import MOST, Point, span
from jobrunner.errors import IllegalTransition, NotEncodable
from jobrunner.findings import Finding
from jobrunner.ledger import (
    BIRTH_FIELDS,
    END_FIELDS,
    TRANSITION_FIELDS,
    Fold,
    LineChain,
    birth_seal,
    end_seal,
    genesis,
    link,
    log_genesis,
)
from jobrunner.states import TERMINAL

_FOLDED = ("status", "attempt", "fence", "cancel_mode", "final_seq", "digest")
_NOTHING = "0" * 64


class Walk:
    """A walk along one job's rows, in order of seq, transitions and lines together.

    Only rows up to the job row's last_seq are looked at: a job that goes on meanwhile has committed the others
    later. ``beyond`` is the highest seq that was seen above it. ``points`` are places of an earlier head, in order.
    """

    def __init__(self, job: Mapping[str, Any], points: Sequence[Point] = ()) -> None:
        self.job, self.findings, self.beyond = job, list[Finding](), 0
        self._sealed_above = 0
        self._points = list(points)
        self._fold, self._context = Fold(), ""
        self._last: int = job["last_seq"]
        self._first: int = job["first_seq"]
        self._next, self._open = 1, False
        self._move, self._move_log = 0, ""
        # the digests that the next transition may have been made on: as stored, or as it should have been
        self._before: tuple[str, ...] = (genesis(str(job["uuid"])),)
        self._chain, self._since = LineChain(log_genesis(str(job["uuid"]))), 0
        self._broken_to = 0
        self._slow = True
        self._halt = self._next_halt()
        if self._first > 1 and job["pruned_digest"] is None:
            self._row("first_seq", f"is {self._first}, but no digest of a pruned log goes with it")

    def line(self, row: Sequence[Any]) -> None:
        """Takes one line: (job_id, seq, kind, *LINE_FIELDS)."""
        seq = row[1]
        if (self._slow or seq != self._next) and not self._in_order(seq, "line"):
            return
        self._next = seq + 1
        try:
            self._chain.add(seq, *row[3:])
        except (AttributeError, TypeError, ValueError):
            self._chain = LineChain(_NOTHING)
        if seq >= self._halt:
            self._pass(seq)
            self._slow = self._slow or seq >= self._last

    def transition(self, row: Sequence[Any]) -> None:
        """Takes one transition: (job_id, seq, kind, *MOVE_FIELDS)."""
        seq = row[1]
        if not self._in_order(seq, "transition"):
            if seq > self._last and row[-1] == self.job["digest"] != self._fold.digest:
                self._sealed_above = seq
            return
        self._next = seq + 1
        if seq >= self._halt:
            self._pass(seq - 1)
        values, digest, log_digest = [seq, *row[3:-1]], str(row[-1]), str(row[-2])
        sound = self._check_seal(seq, values, digest)
        self._check_lines(seq, log_digest, sound)
        self._apply(seq, dict(zip(TRANSITION_FIELDS, values, strict=True)) | {"digest": digest}, sound)
        self._move, self._move_log = seq, log_digest
        if seq >= self._halt:
            self._pass(seq)
        self._slow = not self._open or seq >= self._last

    def end(self) -> list[Finding]:
        """Returns every finding, now that all rows have been seen."""
        if not self._open:
            self._open_log(self._last + 1)
        end, sealed = max(self._next, self._first), (self.job["digest"], self.job["log_digest"])
        if end <= self._last and (self._fold.digest, self._chain.digest) == sealed:
            self._row("last_seq", f"is {self._last}, but what it seals ends at seq {end - 1}")
        else:
            self._missing(self._last + 1)
        self._pass(self._last)
        for point in self._points:
            self._add(
                "recomputed",
                span(point.last_seq, point.last_seq),
                f"It stood at seq {point.last_seq}, and now at {self._last}.",
            )
        if not self._move:
            self._add("missing_seq", "transition 1", "Its birth is missing; it has no transition at all.")
            return self.findings
        self._check_end_of_log()
        for name in _FOLDED:
            if self.job[name] != getattr(self._fold, name):
                self._row(
                    name, f"is {self.job[name]!r}, but its history says {_plain(getattr(self._fold, name))!r}"
                )
        if self._fold.status in TERMINAL and _sealed(self._context) != _seal(end_seal, self.job):
            fields = ", ".join(END_FIELDS)
            self._add(
                "end_seal", f"transition {self._move}", f"One of {fields} is not what the transition sealed."
            )
        return self.findings

    def stray(self, last_seq: int) -> None:
        """Reports, before all else, the rows above the job row's last_seq, as it stands at a later look."""
        job_id, found = self.job["id"], list[Finding]()
        if self._sealed_above:
            what = f"is {self._last}, but its digest is that of transition {self._sealed_above}"
            found.append(Finding(job_id, "job_row", "last_seq", f"The job row's last_seq {what}."))
        if self.beyond > max(last_seq, self._sealed_above):
            message = f"A row stands above the job row's last_seq, which is {last_seq}."
            found.append(Finding(job_id, "extra_row", f"seq {self.beyond}", message))
        self.findings[:0] = found

    def _in_order(self, seq: int, kind: str) -> bool:
        if seq > self._last:
            self.beyond = max(self.beyond, seq)
            return False
        if seq < self._next:
            what = (
                f"seq {seq} is both a transition and a line"
                if seq == self._move
                else "the row stands out of place"
            )
            self._add("extra_row", f"{kind} {seq}", f"{what[0].upper()}{what[1:]}.")
            return False
        if kind == "line" and seq < self._first:
            self._add(
                "extra_row", f"line {seq}", f"The log is pruned below seq {self._first}, but there is a line."
            )
            return False
        if seq >= self._first and not self._open:
            self._open_log(seq)
        self._missing(seq)
        return True

    def _open_log(self, seq: int) -> None:
        """Takes up the chain of lines where a pruned log begins."""
        self._open, self._slow = True, seq >= self._last
        pruned = self.job["pruned_digest"]
        if pruned is None:
            return
        if self._move == self._first - 1 and self._move_log not in ("", pruned):
            self._row("pruned_digest", "is not the value that the transition before the pruned edge recorded")
        self._chain = _chain(pruned)
        self._since = max(self._move, self._first - 1)

    def _missing(self, seq: int) -> None:
        low = max(self._next, self._first)
        if low < seq:
            self._add("missing_seq", span(low, seq - 1), f"There is no row of {span(low, seq - 1)}.")
            self._broken_to = seq

    def _check_seal(self, seq: int, values: list[Any], digest: str) -> bool:
        """True when the transition is as it was when it was sealed, and follows the one before."""
        name, prev_seq = f"transition {seq}", values[1]
        made = [_link(before, values) for before in self._before]
        self._before = (digest, made[0])
        if prev_seq != (self._move or None):
            self._add(
                "broken_path",
                name,
                f"It follows seq {prev_seq}, but the one before it is {self._move or None}.",
            )
            return False
        if digest in made:
            return True
        self._add("edited_transition", name, "It is not what its digest seals.")
        return False

    def _check_lines(self, seq: int, log_digest: str, sound: bool) -> None:
        if not self._open:
            if seq == 1 and sound and log_digest != self._chain.digest:
                self._add("edited_transition", "transition 1", "It records lines before the birth.")
            return
        if self._chain.digest != log_digest and self._broken_to <= self._since:
            if not sound:
                # perhaps only what the transition recorded was edited: the next one tells
                return
            self._lines(seq)
        self._chain, self._since = _chain(log_digest), seq

    def _lines(self, seq: int) -> None:
        where = f"lines between {self._since} and {seq}"
        self._add(
            "damaged_lines",
            where,
            f"The lines of seq {self._since + 1} to {seq - 1} are not those that were sealed.",
        )

    def _apply(self, seq: int, row: dict[str, Any], sound: bool) -> None:
        self._context = row["context"]
        first = not self._move
        try:
            self._fold.apply(row)
        except IllegalTransition as error:
            self._add("illegal_edge", f"transition {seq}", error.message)
        except (TypeError, ValueError) as error:
            self._add("edited_transition", f"transition {seq}", f"It cannot be read: {error}.")
        if first and seq == 1 and sound and _sealed(self._context) != _seal(birth_seal, self.job):
            fields = ", ".join(BIRTH_FIELDS)
            self._add("birth_seal", "transition 1", f"One of {fields} is not what the birth sealed.")

    def _check_end_of_log(self) -> None:
        log_digest = self.job["log_digest"]
        if self._chain.digest == log_digest or self._broken_to > self._since:
            return
        if self._since >= self._last:
            self._row("log_digest", "is not the value that its last transition recorded")
        else:
            where = f"lines after {self._since}"
            self._add(
                "damaged_lines",
                where,
                f"The lines from seq {self._since + 1} on are not those that the job row seals.",
            )

    def _pass(self, seq: int) -> None:
        """Looks at each point of the earlier head that has been reached."""
        while self._points and self._points[0].last_seq <= seq:
            point = self._points.pop(0)
            where = span(point.last_seq, point.last_seq)
            if self._fold.digest != point.digest:
                self._add(
                    "recomputed",
                    where,
                    "The chain of transitions does not hold the digest of the earlier head.",
                )
            at_move, exact = point.last_seq == self._move, point.last_seq == self._next - 1
            known = (
                self._move_log
                if at_move
                else self._chain.digest
                if self._open and exact
                else point.log_digest
            )
            if known != point.log_digest:
                self._add(
                    "recomputed", where, "The chain of lines does not hold the digest of the earlier head."
                )
        self._halt = self._next_halt()

    def _next_halt(self) -> int:
        return min(self._last, self._points[0].last_seq) if self._points else self._last

    def _row(self, column: str, message: str) -> None:
        self._add("job_row", column, f"The job row's {column} {message}.")

    def _add(self, kind: str, where: str, message: str) -> None:
        if len(self.findings) < MOST:
            self.findings.append(Finding(self.job["id"], kind, where, message))
        elif len(self.findings) == MOST:
            self.findings.append(
                Finding(self.job["id"], "more", "", "There is more; the first findings are told.")
            )


def _chain(digest: Any) -> LineChain:
    try:
        return LineChain(digest)
    except (TypeError, ValueError):
        return LineChain(_NOTHING)


def _link(before: str, values: list[Any]) -> str:
    try:
        return link(before, values)
    except (AttributeError, TypeError, ValueError):
        return ""


def _seal(seal: Any, job: Mapping[str, Any]) -> str:
    try:
        return str(seal(job))
    except (AttributeError, TypeError, ValueError):
        return ""


def _sealed(context: Any) -> str | None:
    try:
        found = jsontext.loads(context)["sha256"]
    except (KeyError, TypeError, ValueError, NotEncodable):
        return None
    return found if isinstance(found, str) else None


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
