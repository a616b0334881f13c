"""What a handler holds while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextvars import ContextVar
from types import TracebackType
from typing import Any, ClassVar, SupportsFloat, TypeVar

from jobrunner import clock, hiding
from jobrunner.child import plain
from jobrunner.child.failures import outcome
from jobrunner.child.group import Group
from jobrunner.child.lines import Sink, send_line
from jobrunner.child.progress import INTERVAL, Progress
from jobrunner.errors import JobCancelled

Item = TypeVar("Item")

_STRENGTH = {None: 0, "cancel": 1, "stop": 2, "kill": 3}
_KEY_BYTES = 128
_LABEL_BYTES = 255
_step_here: ContextVar[tuple[JobContext, str | None] | None] = ContextVar("jobrunner_step", default=None)


class CancelFlag:
    """Whether a job was asked to end, and how: ``mode`` is None, cancel, stop or kill. Safe in signal handlers."""

    def __init__(self) -> None:
        self.mode: str | None = None

    @property
    def requested(self) -> bool:
        """Whether the job was asked to end, in any mode."""
        return self.mode is not None

    def request(self, mode: str) -> None:
        """Asks the job to end; a weaker mode than the one in force changes nothing."""
        if _STRENGTH.get(mode, 1) > _STRENGTH.get(self.mode, 1):
            self.mode = mode


class JobContext:
    """One attempt at one job, as its handler sees it.

    Handlers get it as the parameter annotated ``JobContext``. Everything may be called from any
    thread and from forked processes of the handler; there ``cancel_requested`` stays what it was at
    the fork.
    """

    __jobrunner_context__: ClassVar[bool] = True

    def __init__(
        self,
        sink: Sink,
        *,
        job_id: int,
        uuid: str,
        type: str,
        attempt: int,
        fence: int,
        params: dict[str, Any],
        resume_step: str | None = None,
        cancel: CancelFlag | None = None,
    ) -> None:
        self.job_id = job_id
        self.uuid = uuid
        self.type = type
        self.attempt = attempt
        self.fence = fence
        self.params = params
        # the step at which a job started again goes on; skipping what comes before it is the handler's doing
        self.resume_step = resume_step
        self._sink = sink
        self._cancel = cancel or CancelFlag()
        self._progress = Progress(sink)
        self._open_steps: list[Step] = []
        self._beat_at = clock.monotonic() - INTERVAL

    def __repr__(self) -> str:
        return f"<JobContext of job {self.job_id} ({self.type}), attempt {self.attempt}>"

    def debug(self, message: object, /, **context: Any) -> None:
        """Writes a line of level debug; the keywords are kept with it as JSON, as text where JSON has no such type."""
        self._line("debug", message, context)

    def info(self, message: object, /, **context: Any) -> None:
        """Writes a line of level info; the keywords as for ``debug``."""
        self._line("info", message, context)

    def warning(self, message: object, /, **context: Any) -> None:
        """Writes a line of level warning, which the job counts; the keywords as for ``debug``."""
        self._line("warning", message, context)

    def error(self, message: object, /, **context: Any) -> None:
        """Writes a line of level error, which the job counts; the keywords as for ``debug``. The job goes on."""
        self._line("error", message, context)

    def respond(self, text: object) -> None:
        """Writes a line to the stream ``response``: words meant for whoever started the job."""
        send_line(self._sink, "info", text, stream="response", step=self.current_step)

    def step(
        self, key: str, label: str | None = None, index: int | None = None, total: int | None = None
    ) -> Step:
        """Returns a context manager for a part of the work; its begin, end, outcome and seconds are kept.

        Lines written inside bear ``key``, of which 128 bytes are kept (255 of ``label``).
        """
        shown = plain.cut(plain.as_text(key), _KEY_BYTES)
        return Step(
            self,
            shown,
            shown if label is None else plain.cut(plain.as_text(label), _LABEL_BYTES),
            index,
            total,
        )

    def group(self, label: object) -> Group:
        """Returns a context manager for lines that belong together; the log viewer folds them away as one.

        It lies in the current step and in the group around it, if any, and changes neither progress nor the step
        of a line. Its begin, end, outcome and seconds are kept, and 255 bytes of ``label``. Groups more than 16 deep
        leave no lines of their own.
        """
        return Group(self._sink, plain.cut(plain.as_text(label), _LABEL_BYTES), self.current_step)

    @property
    def current_step(self) -> str | None:
        """The key of the innermost step that this thread or task is in, else of the last one begun in any."""
        here = _step_here.get()
        if here is not None and here[0] is self and here[1] is not None:
            return here[1]
        try:
            return self._open_steps[-1].key
        except IndexError:
            return None

    def progress(
        self,
        percent: SupportsFloat | None = None,
        text: object = None,
        *,
        current: SupportsFloat | None = None,
        total: SupportsFloat | None = None,
    ) -> None:
        """Says how far the job is: percent (clamped to 0 … 100), words, or current of total.

        What is not given stays as it was; a percent not given follows from current and total. Cheap
        enough for every row: about ten states a second are sent, and always the latest. Raises
        ValueError for NaN.
        """
        self._progress.update(percent, text, current, total)

    def advance(self, n: SupportsFloat = 1) -> None:
        """Adds ``n`` to the progress's current."""
        self._progress.advance(n)

    def track(self, iterable: Iterable[Item], total: SupportsFloat | None = None) -> Iterator[Item]:
        """Yields the items and reports each one done as progress, of ``total`` or of ``len(iterable)`` if it has one."""
        if total is None and isinstance(iterable, Sized):
            try:
                total = len(iterable)
            except TypeError:
                total = None
        return self._tracked(iterable, total)

    def _tracked(self, iterable: Iterable[Item], total: SupportsFloat | None) -> Iterator[Item]:
        done = 0
        self._progress.update(current=done, total=total)
        for item in iterable:
            yield item
            done += 1
            self._progress.update(current=done, total=total)

    def mask(self, value: str) -> None:
        """Hides ``value``, shown as ``***``, in everything of this attempt that is written from now on.

        That is lines and their context, what is printed by any process of the job, labels of steps, progress,
        errors and the result; also where JSON, ``repr`` or a URL writes it in their way, but not where it was
        encoded or split otherwise. Each line of ``value`` counts, without its blank edges; lines of less than
        4 characters are left out. What was said before, and a file or database of the handler's own, stays as
        it is. Another attempt has to declare it again.

        What is printed after this has returned is hidden, in threads and in forked processes too; a fork may call
        this itself. The value is kept in memory only. Raises ValueError for what is not text, has more
        than 16,384 characters, or has no line of 4 characters, and when one process hides more than 1,000
        texts, each line and each way to write it counted.
        """
        texts = hiding.spellings(value)
        plain.hide(texts)
        self._sink.send({"kind": "mask", "texts": texts})

    def heartbeat(self) -> None:
        """Says that the handler is alive, for ``stall_timeout``; more than ten a second are not sent."""
        now = clock.monotonic()
        if now - self._beat_at >= INTERVAL:
            self._beat_at = now
            self._sink.send({"kind": "beat"})

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody asked this job to end."""
        return self._cancel.requested

    def check_cancelled(self) -> None:
        """Raises JobCancelled when somebody asked this job to end."""
        if self._cancel.requested:
            raise JobCancelled(f"The job was asked to end ({self._cancel.mode}).")

    def flush(self) -> None:
        """Sends the latest progress now."""
        self._progress.flush()

    def _line(self, level: str, message: object, context: dict[str, Any]) -> None:
        send_line(self._sink, level, message, context=context, step=self.current_step)


class Step:
    """A part of the work of a job, between ``with`` and its end."""

    def __init__(
        self, context: JobContext, key: str, label: str, index: int | None, total: int | None
    ) -> None:
        self.key = key
        self.label = label
        self.index = None if index is None else int(index)
        self.total = None if total is None else int(total)
        self._context = context
        self._before: tuple[JobContext, str | None] | None = None
        self._started = 0.0

    def __enter__(self) -> JobContext:
        self._before = _step_here.get()
        self._started = clock.monotonic()
        self._send("step_started", None, None)
        self._context._open_steps.append(self)
        _step_here.set((self._context, self.key))
        return self._context

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _step_here.set(self._before)
        if self in self._context._open_steps:
            self._context._open_steps.remove(self)
        self._send("step_finished", outcome(error), round(clock.monotonic() - self._started, 6))

    def _send(self, event: str, ended: str | None, seconds: float | None) -> None:
        self._context.flush()
        self._context._sink.send(
            {
                "kind": "step",
                "event": event,
                "at": clock.now(),
                "key": self.key,
                "label": self.label,
                "index": self.index,
                "total": self.total,
                "outcome": ended,
                "seconds": seconds,
            }
        )
