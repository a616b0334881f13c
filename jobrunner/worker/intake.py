"""Everything a job says, whichever way it comes, turned into lines and progress for the writer."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jobrunner import clock, durations, jsontext
from jobrunner.errors import NotEncodable
from jobrunner.hiding import HIDDEN
from jobrunner.masking import Mask
from jobrunner.store.logs import Line
from jobrunner.worker import lines
from jobrunner.worker.spool import Spool

LEVELS = frozenset({"debug", "info", "warning", "error"})
STREAMS = frozenset({"log", "response"})
_SMALL_OFFSET = 0.05
_CONTEXT_BYTES = 1024 * 1024
_NOTHING_SHOWN = jsontext.dumps({"masked": HIDDEN})


class Intake:
    """Takes the frames and the output of one attempt; keeps no more than ``log_max`` bytes of messages.

    ``active_at`` is when the job was last heard of, by the monotonic clock. One thread gives, another one takes
    lines from the spool and progress from here.
    """

    def __init__(
        self, spool: Spool, mask: Mask, *, log_bytes: int, log_max: int, clock_offset: float
    ) -> None:
        self.active_at = clock.monotonic()
        self._progress: dict[str, Any] = {}
        self._guard = threading.Lock()
        self.step: str | None = None
        self.excess_lines = 0
        self._spool = spool
        self._mask = mask
        self._room = log_max - log_bytes
        self._limit = log_max
        self._offset = clock_offset if abs(clock_offset) > _SMALL_OFFSET else 0.0
        self._steps: list[str] = []
        self._assemblers = {name: lines.LineAssembler(mask, mask.longest) for name in ("stdout", "stderr")}
        self._first = True

    def now(self) -> str:
        """Returns this moment by the database's clock, as canonical text."""
        return clock.shift(clock.now(), self._offset) if self._offset else clock.now()

    def output(self, stream: str, data: bytes, at: str | None = None) -> None:
        """Takes bytes that came out of ``stream`` (stdout or stderr), now or, by this host's clock, ``at``."""
        self.active_at = clock.monotonic()
        self._output(stream, self._assemblers[stream].feed(data), len(data), at)

    def end_of_output(self, stream: str) -> None:
        """Takes the last line of ``stream`` when it had no end."""
        found = self._assemblers[stream].finish()
        self._output(stream, found, sum(map(len, found)))

    def _output(self, stream: str, messages: list[str], size: int, at: str | None = None) -> None:
        if not messages:
            return
        at, step, parts = self._moment(at), self.step, self._assemblers[stream].parts
        new = tuple.__new__
        made = [new(Line, (at, "info", stream, step, None, message, None)) for message in messages]
        for index, part in parts.items():
            made[index] = made[index]._replace(context=f'{{"part":{part}}}')
        self._put(made, size)

    def frame(self, frame: Mapping[str, Any]) -> None:
        """Takes one frame of the handler's; kinds that are not about the log only count as a sign of life."""
        self.active_at = clock.monotonic()
        kind = frame.get("kind")
        if kind == "line":
            self._line(frame)
        elif kind == "step":
            self._step(frame)
        elif kind == "group":
            self._group(frame)
        elif kind == "mask":
            self._hide(frame.get("texts"))
        elif kind == "progress":
            self._note(
                progress_percent=_number(frame.get("percent")), progress_text=self._short(frame.get("text"), 255),
                progress_current=_number(frame.get("current")), progress_total=_number(frame.get("total")),
            )  # fmt: skip

    def say(self, message: str, level: str = "info", context: Mapping[str, Any] | None = None) -> None:
        """Adds a line of the worker's own to the job's log, at once; it is never dropped."""
        text = None if context is None else jsontext.dumps(context)
        size = len(message)
        line = Line(
            self.now(), level, "system", None, None, lines.cut(lines.settled(self._mask(message)))[0], text
        )
        self._spool.put([line], size, urgent=True, essential=True)

    def say_what_was_left_out(self) -> None:
        """Adds the rows that count what the log limit and a full spool have dropped."""
        self._spool.say_what_is_missing(self.now())
        if self.excess_lines:
            self.say(
                f"{self.excess_lines} further lines were dropped: the log has reached log_max_bytes"
                f" ({self._limit} bytes).",
                "warning",
            )
            self.excess_lines = 0

    @property
    def has_progress(self) -> bool:
        """True when progress columns changed since they were taken."""
        return bool(self._progress)

    def take_progress(self) -> dict[str, Any]:
        """Returns the progress columns that changed since the last call."""
        with self._guard:
            taken, self._progress = self._progress, {}
        return taken

    def give_back(self, progress: dict[str, Any]) -> None:
        """Takes back progress that could not be stored; what has changed since wins."""
        if progress:
            with self._guard:
                self._progress = progress | self._progress

    def _note(self, **columns: Any) -> None:
        with self._guard:
            self._progress |= columns
        self._spool.touch()

    def _hide(self, texts: object) -> None:
        if isinstance(texts, list | tuple):
            self._mask.declare(text for text in texts if isinstance(text, str))
            for assembler in self._assemblers.values():
                assembler.longest_secret = self._mask.longest

    def _line(self, frame: Mapping[str, Any]) -> None:
        level, stream = frame.get("level"), frame.get("stream")
        message = lines.settled(self._mask(_text(frame.get("message"))))
        context = _context(frame.get("context"))
        if context is not None:
            context = self._masked_json(context)
        first = Line(
            self._moment(frame.get("at")),
            level if level in LEVELS else "info",
            stream if stream in STREAMS else "log",
            self._short(frame.get("step"), 128),
            self._short(frame.get("logger"), 255),
            message,
            context,
        )
        if len(message) * 4 <= lines.LIMIT:
            self._put([first], len(message) + len(context or ""))
            return
        pieces = lines.cut(message)
        made = [first._replace(message=piece, context=None) for piece in pieces]
        if len(pieces) > 1:
            made = [line._replace(context=f'{{"part":{part}}}') for part, line in enumerate(made, 1)]
        if context is not None:
            made[0] = made[0]._replace(context=context)
        self._put(made, len(message.encode()) + len(context or ""))

    def _step(self, frame: Mapping[str, Any]) -> None:
        key = self._short(frame.get("key"), 128) or "?"
        label = self._short(frame.get("label"), 255) or key
        event = "step_started" if frame.get("event") == "step_started" else "step_finished"
        index, total = _whole(frame.get("index")), _whole(frame.get("total"))
        outcome, seconds = self._short(frame.get("outcome"), 16), _number(frame.get("seconds"))
        if event == "step_started":
            self._steps.append(key)
            self._note(step_key=key, step_label=label, step_index=index, step_total=total)
            message, level = f"{_numbering(index, total)}{label}", "info"
        else:
            if key in self._steps:
                self._steps.reverse()
                self._steps.remove(key)
                self._steps.reverse()
            message, level = f"{_numbering(index, total)}{label}{_ended(outcome, seconds)}", "info"
        self.step = self._steps[-1] if self._steps else None
        context = jsontext.dumps(
            {
                "event": event,
                "label": label,
                "index": index,
                "total": total,
                "outcome": outcome,
                "seconds": seconds,
            }
        )
        line = Line(self._moment(frame.get("at")), level, "system", key, None, message, context)
        self._put([line], len(message) + len(context), urgent=True)

    def _group(self, frame: Mapping[str, Any]) -> None:
        label = self._short(frame.get("label"), 255) or "?"
        event = "group_started" if frame.get("event") == "group_started" else "group_finished"
        outcome, seconds = self._short(frame.get("outcome"), 16), _number(frame.get("seconds"))
        message = label if event == "group_started" else f"{label}{_ended(outcome, seconds)}"
        group, parent = (self._short(frame.get(name), 64) for name in ("id", "parent"))
        context = jsontext.dumps(
            {
                "event": event,
                "group": group,
                "parent": parent,
                "label": label,
                "outcome": outcome,
                "seconds": seconds,
            }
        )
        step = self._short(frame.get("step"), 128)
        line = Line(self._moment(frame.get("at")), "info", "system", step, None, message, context)
        self._put([line], len(message) + len(context))

    def _put(self, made: list[Line], size: int, *, urgent: bool = False) -> None:
        # a line takes a byte at least, or there would be room for blank ones for ever
        size = max(size, len(made))
        if size > self._room:
            made, size = self._within_room(made)
        self._room -= size
        self._spool.put(made, size, urgent=urgent or self._first)
        self._first = False

    def _within_room(self, made: list[Line]) -> tuple[list[Line], int]:
        used = 0
        for kept, line in enumerate(made):
            size = len(line.message.encode()) or 1
            if used + size > self._room:
                # Once full it stays full: no short line slips in after a long one was dropped.
                self._room = used
                self.excess_lines += len(made) - kept
                return made[:kept], used
            used += size
        return made, used

    def _moment(self, at: object) -> str:
        if not isinstance(at, str) or len(at) != 27:
            return self.now()
        try:
            moment = datetime.fromisoformat(at).astimezone(UTC)
        except ValueError:
            return self.now()
        return clock.shift(clock.utc_text(moment), self._offset) if self._offset else at

    def _short(self, value: object, most: int) -> str | None:
        if value is None:
            return None
        return lines.cut(lines.settled(self._mask(_text(value))), most)[0]

    def _masked_json(self, context: str) -> str | None:
        if self._mask.sees_data:
            context = _NOTHING_SHOWN if _is_cut(context) else masked_data(self._mask, context)
        masked = self._mask(context)
        if masked == context:
            return context
        return _context(masked) or _NOTHING_SHOWN


def masked_data(mask: Mask, text: str) -> str:
    """Returns a JSON object's text with the values and names hidden that were declared secret."""
    if not mask.sees_data:
        return text
    try:
        return jsontext.dumps(mask.data(jsontext.loads(text)))
    except NotEncodable:
        return _NOTHING_SHOWN


def _is_cut(context: str) -> bool:
    """True for the beginning of a context that was too large: names in it cannot be told, nor a value cut in two."""
    found = jsontext.loads(context)
    beginning = found.get("truncated") if len(found) == 1 else None
    return isinstance(beginning, str) and beginning.startswith("{")


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _context(value: object) -> str | None:
    """Returns JSON text that is an object and not too large; None for anything else."""
    if not isinstance(value, str) or len(value) > _CONTEXT_BYTES:
        return None
    try:
        value.encode("utf-8")
        return value if isinstance(jsontext.loads(value), dict) else None
    except (UnicodeEncodeError, NotEncodable):
        return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31 else None


def _ended(outcome: str | None, seconds: float | None) -> str:
    told = {"ok": "done", "error": "failed", "cancelled": "cancelled"}.get(outcome or "", "ended")
    return f": {told} after {durations.text(seconds or 0)}"


def _numbering(index: int | None, total: int | None) -> str:
    if index is None:
        return ""
    return f"Step {index}/{total}: " if total is not None else f"Step {index}: "
